/**
 * Sixteen times the input costs about sixteen times the time, whatever is read (ruling R12, OWASP
 * ASVS 15.2.2): each doubling at most 2.5 times. What is bounded to a length that is read in no
 * time passes by that bound.
 */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { mergeAcl } from '../../src/core/policy/acl.ts'
import { parsePolicy } from '../../src/core/policy/policy.ts'
import { compilePolicy } from '../../src/core/policy/rule-set.ts'
import { parsePairs, queryData } from '../../src/http/request-query.ts'
import { plainAddress } from '../../src/http/forwarded-for.ts'
import { parseCompactJwt } from '../../src/jose/compact-jwt.ts'
import { parseJwkSet } from '../../src/jose/jwk.ts'
import { whyNotCompact } from '../../src/jose/jwt-look.ts'
import { parsePemCertificates, parsePemKey } from '../../src/jose/pem-key.ts'
import { parseCidr } from '../../src/lib/cidr.ts'
import { parseDurationMs } from '../../src/lib/duration.ts'
import { formatHcl } from '../../src/lib/hcl-format.ts'
import { parseHcl, parseHclOrJson } from '../../src/lib/hcl.ts'
import type { HclLimits } from '../../src/lib/hcl-tree.ts'
import { encodeJson, parseJson, type JsonLimits } from '../../src/lib/json.ts'
import { trimEnds } from '../../src/lib/trim.ts'
import { isRedirectAllowed, splitNamespace } from '../../src/oidc/redirect-uri.ts'
import { parseDecimalText } from '../../src/trust/decimal.ts'
import { globMatches, parseGlob } from '../../src/trust/glob.ts'
import { parseReference, resolveReference } from '../../src/trust/pointer.ts'
import { parsePolicyTemplate } from '../../src/trust/policy-template.ts'
import { showValue } from '../../src/trust/shown-value.ts'
import { parseCookies } from '../../src/ui/cookies.ts'
import { parseMountName, parseOwnPath } from '../../src/ui/own-path.ts'
import { claimsOf } from '../trust/fixture.ts'

/** Work on an input of about so many characters. */
type Sized = (characters: number) => () => unknown

const smallest = 2_048
const largest = 32_768
const factor = 16
/** What costs less for the larger input says nothing, and holds up nobody. */
const measurableMs = 40
/**
 * Of quadratic work it is 256. Two and a half times for each doubling, and a little for caches and the
 * collector, which a larger heap keeps busier.
 */
const growthMax = 2.8 ** 4
const runsMax = 4
/** What takes so long is measured once. */
const plainMs = 400
const attemptsMax = 3

const unlimited: JsonLimits = {
  depthMax: 64,
  stringLengthMax: Number.MAX_SAFE_INTEGER,
  entriesMax: Number.MAX_SAFE_INTEGER,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}
const hclLimits: HclLimits = { depthMax: 64, lengthMax: Number.MAX_SAFE_INTEGER }
const algorithms = new Set(['RS256'] as const)

/** A run of the text of about that many characters, between two others. */
function run(text: string, read: (input: string) => unknown, before = '', after = ''): Sized {
  return (characters) => {
    const input = before + text.repeat(Math.ceil(characters / text.length)) + after
    return () => read(input)
  }
}

/** The same of parts that are all different. */
function numbered(
  part: (at: number) => string,
  read: (input: string) => unknown,
  before = '',
  after = '',
): Sized {
  return (characters) => {
    const count = Math.ceil(characters / part(10_000).length)
    const input = before + Array.from({ length: count }, (_, at) => part(at)).join('') + after
    return () => read(input)
  }
}

const hcl = (text: string): unknown => parseHcl(text, hclLimits)
const json = (text: string): unknown => parseJson(text, unlimited)
const compiled = (text: string): unknown => {
  const policy = parsePolicy('p', text)
  return policy.ok ? mergeAcl([compilePolicy(policy.value)]) : policy
}
const compact = (text: string): unknown => parseCompactJwt(text, algorithms)
const base64 = (text: string): string => Buffer.from(text).toString('base64url')

const work: Readonly<Record<string, Sized>> = {
  'HCL: blocks': run('path "x" { capabilities = ["read"] }\n', hcl),
  'HCL: a number': run('7', hcl, 'a = '),
  'HCL: an octal number': run('8', hcl, 'a = 0', '.5'),
  'HCL: a list of numbers': run('07, ', hcl, 'a = [', ']'),
  'HCL: a string': run('\\n\\u0041x', hcl, 'a = "', '"'),
  'HCL: a string that is never closed': run('${', hcl, 'a = "'),
  'HCL: a heredoc': run('line\n', hcl, 'a = <<-END\n', 'END\n'),
  'HCL: a heredoc that is never closed': run('EN\n', hcl, 'a = <<END\n'),
  'HCL: many heredocs': run('a = <<E\nx\nE\n', hcl),
  'HCL: comments': run('/* * / */ # x\n// y\n', hcl),
  'HCL: labels': run('"a" ', hcl, 'path ', '{}'),
  'HCL: space': run(' \t', hcl, 'a', '= !'),
  'HCL as JSON': numbered(
    (at) => `"p${at}":{"capabilities":["read"]},`,
    (text) => parseHclOrJson(text, hclLimits),
    '{"path":{',
    '"z":{}}}',
  ),
  'HCL formatted': run('a = 1 # x\nlonger_name = ["a", "b"]\n', formatHcl),
  'HCL formatted: one long name': run('a = 1\n', formatHcl, `${'b'.repeat(50_000)} = 1\n`),
  'HCL formatted: comments inside an item': run('# x\n', formatHcl, 'a = ', '1\n'),
  'a policy: one path again and again': run('path "x" { capabilities = ["read"] }\n', compiled),
  'a policy: many paths': numbered((at) => `path "x/${at}/*" { policy = "read" }\n`, compiled),
  'a policy: many segment patterns': numbered(
    (at) => `path "x/+/${at}" { policy = "read" }\n`,
    compiled,
  ),
  'a policy: nested prefixes': (characters) => {
    const depth = Math.ceil(Math.sqrt(characters))
    const paths = Array.from(
      { length: depth },
      (_, at) => `path "${'a'.repeat(at)}*" { policy = "read" }\n`,
    )
    return () => compiled(paths.join(''))
  },
  'a policy: one parameter again and again': run(
    'allowed_parameters = { a = ["1"] }\n',
    compiled,
    'path "x" { capabilities = ["read"]\n',
    '}',
  ),
  'a policy: one parameter in many stanzas': run(
    'path "x" { capabilities = ["read"]\n allowed_parameters = { a = ["1"] } }\n',
    compiled,
  ),
  'a policy: braces': run('{{a}}', compiled, 'path "', '" { policy = "read" }'),
  'JSON: numbers': run('1,', json, '[', '1]'),
  'JSON: one number': run('1', json),
  'JSON: a string': run('\\u0041\\nx', json, '"', '"'),
  'JSON: members': numbered((at) => `"m${at}":null,`, json, '{', '"z":1}'),
  'JSON: members that are numbers': numbered((at) => `"${at}":0,`, json, '{', '"z":1}'),
  'JSON: depth': run('[', json),
  'JSON: space': run(' \n', json, '[', '!'),
  'JSON written': (characters) => {
    const value = Array.from({ length: Math.ceil(characters / 8) }, () => '\n"x')
    return () => encodeJson(value)
  },
  'a JWT: claims': (characters) => {
    const claims = base64(JSON.stringify({ a: 'x'.repeat(Math.ceil(characters * 0.7)) }))
    return () => compact(`${base64('{"alg":"RS256"}')}.${claims}.AAAA`)
  },
  'a JWT: dots': run('.', compact),
  'a JWT: padding': run('=', compact, 'eyJhbGciOiJSUzI1NiJ9.e30.'),
  'no JWT: letters': run('eyJ', whyNotCompact),
  'no JWT: dashes': run('-----BEGIN ', whyNotCompact),
  'a pointer': run('/a~1b', parseReference),
  'a pointer into claims': run('/a', (text) =>
    resolveReference(claimsOf('{"a":{"a":1}}'), parseReference(text)),
  ),
  'a glob: stars': run('abcdefghijklmno*', (text) =>
    globMatches(parseGlob(text), 'a'.repeat(text.length)),
  ),
  'a glob: a near miss': run('a', (text) =>
    globMatches(parseGlob(`*${text.slice(0, text.length / 2)}b*`), text),
  ),
  'a decimal': run('1', parseDecimalText, '0.', 'e5'),
  'a decimal of zeros': run('0', parseDecimalText, '', '.0e000'),
  'a duration': run('1h', parseDurationMs),
  'a network': run('1.', parseCidr),
  'a network with colons': run('1:', parseCidr, '::', '/64'),
  'an address': run('1:', plainAddress),
  'a query': numbered(
    (at) => `a${at}=%20b&`,
    (text) => queryData(parsePairs(text, Number.MAX_SAFE_INTEGER), []),
  ),
  'a query of one name': run('a=b&', (text) =>
    queryData(parsePairs(text, Number.MAX_SAFE_INTEGER), []),
  ),
  cookies: numbered((at) => `__Host-a${at}=b; `, parseCookies),
  'a template: text': run('x {', parsePolicyTemplate),
  'a template: actions': run('{{.a}}', parsePolicyTemplate),
  'a template: trimmed space': run(' \t', parsePolicyTemplate, 'x', '{{- .a -}} x'),
  'a template: fields': run('.a', parsePolicyTemplate, '{{', '}}'),
  'a template: digits': run('0', parsePolicyTemplate, '{{', 'x}}'),
  'a template: variables': numbered((at) => `{{$v${at} := 1}}`, parsePolicyTemplate),
  'a template: a string': run('\\n', parsePolicyTemplate, '{{"', '"}}'),
  'a template: comments': run('{{/* x */}}', parsePolicyTemplate),
  'a template: arguments': run('1 ', parsePolicyTemplate, '{{print ', '}}'),
  'a shown value': run('eyJ.', showValue),
  'a mount name': run('/', parseMountName, 'x', 'x'),
  'a path of the pages': run('/..', parseOwnPath, '/ui'),
  'slashes in the middle': run('/', (text) => trimEnds(text, '/'), 'x', 'x'),
  'a redirect URI': run('%2f', (text) => isRedirectAllowed(text, [text, `${text}x`]), 'https://x/'),
  'the namespace of a redirect URI': run('a=b&', splitNamespace, 'https://x/?'),
  'a PEM key': run('AAAA\n', parsePemKey, '-----BEGIN PUBLIC KEY-----\n'),
  'PEM certificates': run(
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    parsePemCertificates,
  ),
  'a key set': numbered((at) => `{"kty":"oct","kid":"${at}"},`, parseJwkSet, '{"keys":[', '{}]}'),
}

/** The least time of the processor that some runs take. */
function cost(run: () => unknown): number {
  let least = Infinity
  for (let count = 0; count < runsMax && (count === 0 || least < plainMs); count++) {
    const before = process.cpuUsage()
    run()
    const { system, user } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

/**
 * How many times more the larger input costs, or undefined when even the largest one costs next to
 * nothing.
 */
function growthOf(sized: Sized): number | undefined {
  for (let characters = smallest; characters <= largest; characters *= 4) {
    const large = cost(sized(characters * factor))
    if (large >= measurableMs) return large / cost(sized(characters))
  }
  return undefined
}

suite('sixteen times the input', () => {
  test('of quadratic work is seen', () => {
    const quadratic: Sized = run('/', (text) => text.replace(/\/+$/, ''), 'x', 'x')
    assert.ok((growthOf(quadratic) ?? 0) > growthMax)
    const copying: Sized = (characters) => () => {
      let list: readonly number[] = []
      for (let at = 0; at < characters / 4; at++) list = [...list, at]
      return list
    }
    assert.ok((growthOf(copying) ?? 0) > growthMax)
  })

  test('of linear work is not complained about', () => {
    const growth = growthOf(
      run('a b ', (text) => text.split(' ').map((word) => word.toUpperCase())),
    )
    assert.ok(growth === undefined || growth <= growthMax, String(growth))
  })

  for (const [title, sized] of Object.entries(work)) {
    test(`${title} costs about as many times as much`, () => {
      let growth = Infinity
      // Not believed at once: a collection of garbage may fall into the larger one each time.
      for (let attempt = 0; attempt < attemptsMax && growth > growthMax; attempt++) {
        growth = growthOf(sized) ?? 0
      }
      assert.ok(growth <= growthMax, `${growth.toFixed(1)} times`)
    })
  }
})
