/** Citations lead somewhere: a section, a ruling or a case that code or a test names is in `docs/contract/`. */

import { casePattern, type Contract } from './contract-pages.ts'
import { complaint, type Rule } from './rule.ts'
import type { SourceFile } from './source-text.ts'

/** Put together here, so that this file does not hold what it looks for. */
const sign = '\u00a7'
const gap = String.raw`(?: |\n[ \t]*(?:\*|//) )`
const section = String.raw`${sign}[0-9]+[a-z]?(?:\.[0-9]+)*`
const others = String.raw`RFC [0-9]+(?:bis)?|OpenID Connect [A-Z][\w-]*(?: Logout)?(?: 1\.0)?|Fetch standard|SP 800-38D`
const citation = new RegExp(
  String.raw`(?:\b([\w-]+\.md)|\b(?:${others})) (${section}(?:(?:,|${gap}to|,?${gap}and|${gap}or)${gap}${section})*)`,
  'g',
)
/** What has the form of an id and is none. */
const notCase = /^(?:AES|CWE|SHA|UTF)-/

export function citationRules(contract: Contract): readonly Rule[] {
  return [sectionRule(contract), caseRule(contract), rulingRule(contract)]
}

function sectionRule({ sections }: Contract): Rule {
  return {
    title: 'a section is cited behind its document, and docs/contract has it',
    find: (file) => {
      const cited = new Set<number>()
      const missing: string[] = []
      for (const { 0: whole, 1: page, 2: list = '', index } of file.text.matchAll(citation)) {
        const from = index + whole.length - list.length
        for (const { 0: one, index: at } of list.matchAll(new RegExp(section, 'g'))) {
          cited.add(from + at)
          if (page === undefined || sections.get(page)?.has(one.slice(1)) === true) continue
          missing.push(complaint(file, from + at, `docs/contract/${page} has no ${one}`))
        }
      }
      const bare = placesOf(file, new RegExp(sign, 'g'))
        .filter(({ at }) => !cited.has(at))
        .map(({ at }) =>
          complaint(file, at, `write it as jwt-oidc.md ${sign}4.2 or RFC 7519 ${sign}4.1`),
        )
      return [...missing, ...bare]
    },
    bad: [
      { path: 'src/lib/x.ts', text: `/** Ends (jwt-oidc.md ${sign}99.1). */` },
      { path: 'src/lib/x.ts', text: `/** Ends (jwt-oidc.md ${sign}4.2, ${sign}4.99). */` },
      { path: 'src/lib/x.ts', text: `/** Ends (nowhere.md ${sign}4.2). */` },
      { path: 'src/lib/x.ts', text: `/** Ends (contract ${sign}4.2). */` },
      { path: 'src/lib/x.ts', text: `/** Ends (platform contract ${sign}3.7). */` },
      {
        path: 'src/lib/x.ts',
        text: `// The order of RFC 7519 ${sign}4.1; ${sign}3.2 comes later.`,
      },
      { path: 'test/jwt/x.test.ts', text: `test('${sign}8: a role is there', () => {})` },
    ],
    good: [
      {
        path: 'src/lib/x.ts',
        text: `/** Ends (jwt-oidc.md ${sign}4.2, row 3; RFC 7519 ${sign}4.1.3). */`,
      },
      {
        path: 'src/lib/x.ts',
        text: `/**\n * Ends (platform.md ${sign}3.7 to ${sign}3.9 and\n * ${sign}5.1).\n */`,
      },
      { path: 'src/lib/x.ts', text: `// OpenID Connect Core ${sign}5.3.2, ${sign}5.3.4` },
    ],
  }
}

function caseRule({ cases }: Contract): Rule {
  return {
    title: 'a case that is named has a row in a catalogue of docs/contract',
    find: (file) =>
      placesOf(file, casePattern)
        .filter(({ found }) => !cases.has(found) && !notCase.test(found))
        .map(({ at, found }) => complaint(file, at, `no catalogue has ${found}`)),
    bad: [
      { path: 'src/lib/x.ts', text: `/** Against ${'SEC'}-OID-99. */` },
      { path: 'test/jwt/x.test.ts', text: `test('a login (${'LOG'}-999)', () => {})` },
      { path: 'test/jwt/x.test.ts', text: `test('a login (${'LGO'}-012)', () => {})` },
    ],
    good: [
      { path: 'src/lib/x.ts', text: '/** Against SEC-OID-28 and SEC-CFG-S4. */' },
      { path: 'src/lib/x.ts', text: '/** AES-256 with SHA-256 (CVE-2024-5798). */' },
      { path: 'test/jwt/x.test.ts', text: `test('windows (TIM-001..TIM-012)', () => {})` },
    ],
  }
}

function rulingRule({ rulings }: Contract): Rule {
  return {
    title: 'a ruling that is named is in docs/contract/security-cases.md',
    find: (file) =>
      placesOf(file, /(?<![\w.$-])R\d{1,2}(?!\w)/g)
        // In code it is a name like any other.
        .filter(({ at, found }) => file.code[at] === ' ' && !rulings.has(found))
        .map(({ at, found }) => complaint(file, at, `there is no ruling ${found}`)),
    bad: [{ path: 'src/lib/x.ts', text: `/** Bounded (ruling R${99}). */` }],
    good: [{ path: 'src/lib/x.ts', text: `/** Rulings R1 to R6. */\nconst R${99} = 1` }],
  }
}

function placesOf({ text }: SourceFile, pattern: RegExp) {
  return Array.from(text.matchAll(pattern), ({ 0: found, index }) => ({ found, at: index }))
}
