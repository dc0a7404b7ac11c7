/** What stands in a source file: doors to the outside only in platform, and the parts of the language we leave out. */

import { complaint, findPattern, type Rule } from './rule.ts'
import { importsOf, isMethodDeclaration, topLevelBlockAt, type SourceFile } from './source-text.ts'

interface Door {
  /** A global name, or a member of one. */
  readonly pattern: RegExp
  readonly instead: string
}

const notAMember = String.raw`(?<![\w$#.])`

const doors: readonly Door[] = [
  { pattern: door(String.raw`Date\.now\b`), instead: 'take a Clock (platform/clock.ts)' },
  {
    pattern: door(String.raw`(?:new\s+)?Date\(\s*\)`),
    instead: 'take a Clock (platform/clock.ts)',
  },
  {
    pattern: door(String.raw`(setTimeout|setInterval|setImmediate|clearInterval)\b`),
    instead: 'take a Clock and use its timers (platform/clock.ts)',
  },
  { pattern: door(String.raw`performance\.`), instead: 'take a Clock (platform/clock.ts)' },
  {
    pattern: door(String.raw`AbortSignal\.timeout\b`),
    instead: 'take a Clock, or deadline of platform/terminal.ts',
  },
  { pattern: door(String.raw`Math\.random\b`), instead: 'take a Random (platform/random.ts)' },
  {
    pattern: door(String.raw`(?:globalThis\.)?crypto\.(?:random\w+|getRandomValues|webcrypto)\b`),
    instead: 'take a Random (platform/random.ts)',
  },
  { pattern: door(String.raw`(fetch)\s*\(`), instead: 'take an Outbound (platform/outbound.ts)' },
  {
    pattern: door(String.raw`console\.`),
    instead: 'take a Logger (platform/logger.ts) or a TerminalOutput',
  },
  { pattern: door(String.raw`globalThis\b`), instead: 'take what you need as a parameter' },
]

const doorModules: Readonly<Record<string, string>> = {
  'node:timers': 'take a Clock (platform/clock.ts)',
  'node:timers/promises': 'take a Clock (platform/clock.ts)',
  'node:perf_hooks': 'take a Clock (platform/clock.ts)',
  'node:process': 'take a ProcessDoor (platform/process.ts)',
  'node:dns': 'take an Outbound (platform/outbound.ts)',
  'node:dns/promises': 'take an Outbound (platform/outbound.ts)',
  'node:child_process': 'use runProgram (platform/terminal.ts)',
  'node:http2': 'take an Outbound (platform/outbound.ts)',
}

function door(source: string): RegExp {
  return new RegExp(notAMember + source, 'g')
}

function isSource(file: SourceFile): boolean {
  return file.path.startsWith('src/')
}

function findDoors(file: SourceFile): readonly string[] {
  if (!isSource(file) || file.path.startsWith('src/platform/')) return []
  const calls = doors.flatMap(({ instead, pattern }) =>
    [...file.code.matchAll(pattern)]
      .filter(
        ({ 1: name, index }) => name === undefined || !isMethodDeclaration(file.code, index, name),
      )
      .map(({ 0: found, index }) => complaint(file, index, `${found.trim()}: ${instead}`)),
  )
  const imports = importsOf(file).flatMap(({ at, specifier }) => {
    if (!Object.hasOwn(doorModules, specifier)) return []
    return [complaint(file, at, `${specifier}: ${doorModules[specifier] ?? ''}`)]
  })
  return [...calls, ...imports, ...findProcess(file)]
}

/** `process` is also a good name for the door that was handed in. */
function findProcess(file: SourceFile): readonly string[] {
  const bound =
    /\b(?:const|let)\s+(?:process\b|\{[^}]*\bprocess\b[^}]*\}\s*=)|[(,{]\s*process\s*[:,}]\s*(?:ProcessDoor\b|[\w$,\s]*\}\s*:)|\bprocess\s*:\s*[A-Z]/
  return [...file.code.matchAll(door(String.raw`process\s*(?:\.|\[)`))]
    .filter(({ index }) => !bound.test(topLevelBlockAt(file.code, index)))
    .map(({ index }) => complaint(file, index, 'process: take a ProcessDoor (platform/process.ts)'))
}

function findRandomImports(file: SourceFile): readonly string[] {
  if (!isSource(file) || file.path === 'src/platform/random.ts') return []
  return importsOf(file).flatMap(({ at, clause, specifier }) => {
    if (
      specifier !== 'node:crypto' ||
      !/\b(?:random[A-Z]\w*|getRandomValues|webcrypto)\b/.test(clause)
    ) {
      return []
    }
    return [complaint(file, at, 'random bytes: take a Random (platform/random.ts)')]
  })
}

/** Stock servers say these things in their texts alone. */
const readsStockTexts: ReadonlySet<string> = new Set(['src/cli/login/stock-texts.ts'])

const failureText = String.raw`(?:\.message|\.errors(?:\[\d+\])?|\b(?:refusal|failure|known|detail|error)\.text)`
const textReadings: readonly RegExp[] = [
  new RegExp(
    failureText +
      String.raw`\??\.(?:startsWith|endsWith|includes|match|matchAll|search|split|(?:lastI|i)ndexOf|replace(?:All)?)\(`,
    'g',
  ),
  new RegExp(
    String.raw`\.(?:startsWith|endsWith|includes|indexOf|test|exec)\([\w.\s]*` +
      failureText +
      String.raw`\b`,
    'g',
  ),
  new RegExp(String.raw`\.message\s*[!=]==\s*['"\x60]`, 'g'),
]

export const codeRules: readonly Rule[] = [
  {
    title: 'time, chance, network and process come in through platform',
    find: findDoors,
    bad: [
      'const now = Date.now()',
      'const now = new Date()',
      'const text = Date()',
      'setTimeout(work, 10)',
      'const timers = { setTimeout }',
      'await new Promise((resolve) => setImmediate(resolve))',
      'const timer = setInterval(work, 1000)',
      'const dice = Math.random()',
      'const at = performance.now()',
      'const answer = await fetch(url)',
      'const home = process.env.HOME',
      `const home = process['env']`,
      'console.log(1)',
      'const id = crypto.randomUUID()',
      'const id = globalThis.crypto.randomUUID()',
      'const signal = AbortSignal.timeout(10)',
      'const text = `at ${Date.now()} or so`',
      `import { setTimeout as sleep } from 'node:timers/promises'`,
      `import process from 'node:process'`,
      `import { spawn } from 'node:child_process'`,
      'function a() {\n  const process = door\n}\nfunction b() {\n  return process.pid\n}',
    ].map((text) => ({ path: 'src/core/x.ts', text })),
    good: [
      { path: 'src/platform/x.ts', text: 'const now = Date.now()' },
      { path: 'test/core/x.test.ts', text: 'const now = Date.now()' },
      ...[
        'const day = new Date(ms)',
        'const text = `no Date.now here`',
        '// Outside platform there is no Date.now() and no process.env.',
        `const text = 'Math.random()'`,
        'const pattern = /process.env/',
        'await context.fetch(url)',
        'socket.setTimeout(0)',
        'class A {\n  setTimeout(delayMs: number): this {\n  }\n}',
        'interface A {\n  fetch(url: string): Promise<void>\n}',
        'class A {\n  async fetch(url: string) {\n    return 1\n  }\n}',
        'function a() {\n  const process = systemProcess\n  return process.id\n}',
        'function a(process: ProcessDoor) {\n  return process.id\n}',
        'function a(running: Running) {\n  const { io, process } = running\n  return process.id\n}',
        'const half = a / process_count / 2',
      ].map((text) => ({ path: 'src/core/x.ts', text })),
    ],
  },
  {
    title: 'random bytes come from platform/random.ts alone',
    find: findRandomImports,
    bad: [
      { path: 'src/core/x.ts', text: `import { createHmac, randomBytes } from 'node:crypto'` },
      { path: 'src/platform/x.ts', text: `import { randomUUID } from 'node:crypto'` },
      { path: 'src/oidc/x.ts', text: `import {\n  randomInt,\n} from 'node:crypto'` },
      { path: 'src/oidc/x.ts', text: `import { webcrypto } from 'node:crypto'` },
    ],
    good: [
      { path: 'src/platform/random.ts', text: `import { randomBytes } from 'node:crypto'` },
      { path: 'src/core/x.ts', text: `import { createHmac } from 'node:crypto'` },
      { path: 'src/core/x.ts', text: `import { randomBytesMax } from './limits.ts'` },
    ],
  },
  {
    title: 'what failed is told by a code: its text is not read back',
    find: (file) => {
      if (!isSource(file) || readsStockTexts.has(file.path)) return []
      const told = 'a text that decides: put a code beside it (STYLE.md, rule 11)'
      return textReadings.flatMap((pattern) => findPattern(file, pattern, told))
    },
    bad: [
      `if (error.message.includes('sealed')) return`,
      `if (error.message?.startsWith('no')) return`,
      `const isOver = answer.errors[0]?.endsWith('pending')`,
      `if (answer.errors.includes('permission denied')) return`,
      `const [code] = refusal.text.split(' ')`,
      'const found = refusal.detail.text?.match(/a/)',
      'return text.startsWith(known.text)',
      'return /sealed/.test(problem.message)',
      'return /sealed/u.exec(failure.text)',
      `if (problem.message === 'sealed') return`,
      `const at = cause.message.indexOf('Errors:')`,
    ].map((text) => ({ path: 'src/auth/jwt/x.ts', text })),
    good: [
      { path: 'src/cli/login/stock-texts.ts', text: `if (errors[0].endsWith('slow_down')) return` },
      ...[
        'write(`${doing}: ${cause.message}`)',
        'const text = refusal.text.slice(0, 100)',
        `if (refusal.code === 'sealed') return`,
        `if (text.startsWith('a')) return`,
        'if (errors.length > 1) return',
        `const kind = message.kind.startsWith('a')`,
      ].map((text) => ({ path: 'src/ui/x.ts', text })),
    ],
  },
  {
    title: 'no value is of type any',
    find: (file) =>
      findPattern(
        file,
        /(?:[:<|&]\s*|(?<=\btype [^\n]*)=\s*|\b(?:as|keyof|extends|satisfies)\s+|,\s*(?=any\s*>))any\b(?!\s*[(.:?=\w])/g,
        'any: use unknown and parse it',
      ),
    bad: [
      'let a: any',
      'const a = b as any',
      'const a = new Map<string, any>()',
      'function a(b: any[]): void {}',
      'type A = any',
      'type A = string | any',
    ].map((text) => ({ path: 'src/lib/x.ts', text })),
    good: [
      'const any = 1',
      '// of any kind: any',
      `const a = 'x: any'`,
      'const a = b ? any : c',
    ].map((text) => ({ path: 'src/lib/x.ts', text })),
  },
  {
    title:
      'identities are read and written where their rows are, and rights where they are added up',
    find: (file) => {
      const isTheirs =
        !file.path.startsWith('src/') ||
        file.path.startsWith('src/core/identity/') ||
        // The check of a whole store looks at rows as they lie there.
        ['src/core/keys.ts', 'src/core/token-rights.ts', 'src/core/store-check.ts'].includes(
          file.path,
        )
      if (isTheirs) return []
      const instead =
        'take a port of core/identity, or RightsOfTokens: records and rows go together'
      return findPattern(
        file,
        /\bkeys\s*\.\s*(?:entity|alias|group|member|mergedEntity)(?:[A-Z]\w*)?\b/g,
        instead,
      )
    },
    bad: [
      { path: 'src/core/login.ts', text: 'txn.put(keys.entity(id), record)' },
      { path: 'src/sys/x.ts', text: 'await view.get(keys.groupAlias(accessor, hash))' },
    ],
    good: [
      { path: 'src/core/identity/x.ts', text: 'txn.put(keys.entity(id), record)' },
      { path: 'src/core/login.ts', text: 'txn.put(keys.token(id), record)' },
      { path: 'test/platform/x.test.ts', text: 'await view.get(keys.entity(id))' },
    ],
  },
  {
    title: 'an export has a name, which is the same everywhere',
    find: (file) =>
      findPattern(
        file,
        /\bexport\s+default\b|\bas\s+default\s*[,}]/g,
        'default export: export a name',
      ),
    bad: [
      { path: 'src/lib/x.ts', text: 'export default function a() {}' },
      { path: 'src/lib/x.ts', text: 'export { a as default }' },
    ],
    good: [
      { path: 'src/lib/x.ts', text: `import { default as fc } from 'fast-check'` },
      { path: 'src/lib/x.ts', text: 'switch (a) {\n  default:\n}' },
    ],
  },
  {
    title: 'types are erased, nothing more: no enum, no namespace, no decorator',
    find: (file) => [
      ...findPattern(
        file,
        /^[ \t]*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/gm,
        'enum: use a union of texts',
      ),
      ...findPattern(
        file,
        /^[ \t]*(?:export\s+)?(?:declare\s+)?(?:namespace|module)\s+[\w.]+\s*\{/gm,
        'namespace: use a file',
      ),
      ...findPattern(file, /^[ \t]*@[A-Za-z_]\w*(?:\(|\s*$)/gm, 'decorator: call the function'),
    ],
    bad: [
      { path: 'src/lib/x.ts', text: 'enum A { B }' },
      { path: 'src/lib/x.ts', text: 'export const enum A { B }' },
      { path: 'src/lib/x.ts', text: 'export namespace A {\n}' },
      { path: 'src/lib/x.ts', text: '@logged\nclass A {}' },
    ],
    good: [
      { path: 'src/lib/x.ts', text: '// enum A is what we do not write' },
      { path: 'src/lib/x.ts', text: 'const enumeration = 1' },
      { path: 'src/lib/x.ts', text: '/**\n * @param a\n */' },
    ],
  },
]
