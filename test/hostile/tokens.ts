/** Hostile tokens by catalogue row. Unless they say otherwise, they are signed with a key that the server trusts. */

import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import {
  pairs,
  part,
  publicJwk,
  rawPart,
  signParts,
  signToken,
  withSignature,
} from '../jose/sample-tokens.ts'

/** Tokens by the id of their row. */
export type Hostile = Readonly<Record<string, readonly string[]>>

/** A claim of every token here; it must not come back before the signature was trusted. */
export const canary = 'canary-claim-4f1d'

export function freshClaims(more: object = {}): Record<string, unknown> {
  const at = Math.floor(Date.now() / 1000)
  const base = { iss: 'https://idp.example', sub: 'alice', aud: 'tokenstile' }
  return { ...base, iat: at - 5, exp: at + 600, note: canary, ...more }
}

export function honest(header: object = {}, more: object = {}): string {
  return signToken('RS256', { kid: 'rsa', ...header }, freshClaims(more))
}

const stranger = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}

function claimsText(): string {
  return JSON.stringify(freshClaims())
}

/** Header and claims as they are given, with a right signature around them. */
function withTexts(head: string | Uint8Array, body: string | Uint8Array): string {
  return signParts('RS256', rawPart(head), rawPart(body))
}

function withHead(text: string | Uint8Array): string {
  return withTexts(text, claimsText())
}

function withClaims(body: string | Uint8Array): string {
  return withTexts('{"alg":"RS256","kid":"rsa"}', body)
}

/** The claims with members added as JSON text. */
function plus(members: string): string {
  return withClaims(`${claimsText().slice(0, -1)},${members}}`)
}

function cut(jwt: string): [string, string, string] {
  const [head = '', body = '', signature = ''] = jwt.split('.')
  return [head, body, signature]
}

function hmac(alg: string, key: string | Uint8Array, header: object = {}): string {
  const signed = `${part({ alg, kid: 'rsa', ...header })}.${part(freshClaims())}`
  return `${signed}.${createHmac(`sha${alg.slice(2)}`, key)
    .update(signed)
    .digest('base64url')}`
}

function nested(levels: number): string {
  return `"x":${'['.repeat(levels)}${']'.repeat(levels)}`
}

/** Not in the form of a token, or not to be read as one; refused whatever the keys are. */
export function malformed(): Hostile {
  const jwt = honest()
  const [head, body, signature] = cut(jwt)
  const broken = [[0xff], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80]]
  return {
    'SEC-TOK-01': ['x', 'a.b', `${jwt}.x`, `.${jwt}`, `${jwt}.`, '...', '..'],
    'SEC-TOK-02': ['.'.repeat(250_000)],
    'SEC-TOK-03': [
      `${jwt}${'A'.repeat(262_145 - jwt.length)}`,
      jwt + ' '.repeat(262_145 - jwt.length),
      'A'.repeat(1_000_000),
    ],
    'SEC-TOK-05': [
      `${head}=.${body}.${signature}`,
      `${head}.${body}==.${signature}`,
      `${head}.${body}.${signature}=`,
      signParts('RS256', head, `${body}==`),
    ],
    'SEC-TOK-06': [
      `${head}.${body}.+${signature.slice(1)}`,
      `${head}.${body}./${signature.slice(1)}`,
    ],
    'SEC-TOK-07': [
      `${head}.${body}\u0000.${signature}`,
      `${head}.${body.slice(0, 9)} ${body.slice(9)}.${signature}`,
      `${head}.${body}\u0663.${signature}`,
    ],
    // 256 bytes leave four unused bits in the last character, which are zero in A, Q, g and w alone.
    'SEC-TOK-08': [`${head}.${body}.${signature.slice(0, -1)}B`],
    'SEC-TOK-09': [`${head}.${body}.${'A'.repeat(341)}`, signParts('RS256', 'AAAAA', body)],
    'SEC-TOK-11': [`Bearer ${jwt}`, jwt.replaceAll('.', '%2e')],
    'SEC-TOK-12': [
      JSON.stringify({ protected: head, payload: body, signature }),
      JSON.stringify({ payload: body, signatures: [{ protected: head, signature }] }),
    ],
    'SEC-TOK-13': [
      `${part({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.${body}.AAAA`,
      `${part({ alg: 'dir', enc: 'A256GCM' })}..AAAA.${body}.AAAA`,
      `${part({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1e9, p2s: 'AA' })}.AA.AA.AA.AA`,
    ],
    'SEC-TOK-14': [
      withTexts('{"alg":"RS256","zip":"DEF"}', deflateRawSync(claimsText())),
      withTexts('{"alg":"RS256","zip":"DEF"}', deflateRawSync(`{"a":"${' '.repeat(5_000_000)}`)),
    ],
    'SEC-TOK-15': [withTexts('{"alg":"RS256","cty":"JWT"}', jwt)],
    'SEC-TOK-16': ['[]', '"x"', 'null', '{"alg":"RS256"', ''].map(withHead),
    'SEC-ALG-01': ['none', 'None', 'NONE', 'nOnE', 'none\u0000', 'ｎｏｎｅ', ' none'].flatMap(
      (alg) => [`${part({ alg })}.${body}.`, `${part({ alg })}.${body}.${signature}`],
    ),
    'SEC-ALG-02': ['null', '256', 'true', '["RS256"]', '{"a":"RS256"}', '""']
      .map((alg) => withHead(`{"alg":${alg}}`))
      .concat(withHead('{}')),
    'SEC-ALG-03': ['rs256', 'Rs256', 'RS256 ', ' RS256'].map((alg) => withHead(`{"alg":"${alg}"}`)),
    'SEC-ALG-04': ['__proto__', 'constructor', 'toString'].map((alg) =>
      withHead(`{"alg":"${alg}"}`),
    ),
    'SEC-ALG-15': ['["x"]', '["alg"]', '["toString"]', '[]', 'null', '"x"', '[1]'].map((crit) =>
      withHead(`{"alg":"RS256","crit":${crit}}`),
    ),
    'SEC-ALG-16': [
      withHead('{"alg":"RS256","b64":false}'),
      withHead('{"alg":"RS256","b64":false,"crit":["b64"]}'),
    ],
    'SEC-KEY-07': ['1', 'true', '["rsa"]', '{"a":"rsa"}'].map((kid) =>
      withHead(`{"alg":"RS256","kid":${kid}}`),
    ),
    'SEC-JSN-01': [
      withHead('{"alg":"RS256","alg":"RS256"}'),
      withHead('{"alg":"RS256","kid":"rsa","k\\u0069d":"rsa"}'),
      ...['"sub":"alice"', '"\\u0073ub":"alice"', '"exp":9999999999', '"x":{"a":1,"a":2}'].map(
        plus,
      ),
    ],
    'SEC-JSN-02': ['[]', '"x"', '1', 'null', 'true', '{}'].map(withClaims),
    'SEC-JSN-03': [
      withClaims(`${claimsText()} x`),
      withClaims(claimsText() + claimsText()),
      withClaims(`${claimsText().slice(0, -1)},}`),
      withClaims(`/**/${claimsText()}`),
      withClaims(claimsText().replaceAll('"', "'")),
      withClaims(`${claimsText()}\u0000`),
      plus('"x":"\u0001"'),
    ],
    'SEC-JSN-04': [
      withHead('\ufeff{"alg":"RS256"}'),
      withClaims(`\ufeff${claimsText()}`),
      withClaims(Buffer.from(claimsText(), 'utf16le')),
      ...broken.map((bytes) =>
        withClaims(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])),
      ),
    ],
    'SEC-JSN-05': ['"x":"\\ud800"', '"\\udc00":1', '"x":"\\udc00\\ud800"'].map(plus),
    'SEC-JSN-10': [
      withHead(`{"alg":"RS256",${nested(10_000)}}`),
      ...[nested(65), nested(10_000), nested(80_000), `"x":${'['.repeat(80_000)}`].map(plus),
      plus(`"x":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
    ],
  }
}

/** Well made, and signed by nobody who is trusted, or in a way that must not count. */
export function forged(): Hostile {
  const jwt = honest()
  const [head, body, signature] = cut(jwt)
  const [, otherBody, otherSignature] = cut(honest({}, { sub: 'bob' }))
  const bytes = Buffer.from(signature, 'base64url')
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
    return copy
  }
  const signatures = (all: readonly Uint8Array[]): string[] =>
    all.map((one) => withSignature(jwt, one))
  const ec = signToken('ES256', { kid: 'ec' }, freshClaims())
  const der = sign('sha256', Buffer.from(ec.slice(0, ec.lastIndexOf('.'))), {
    key: pairs['P-256'].privateKey,
    dsaEncoding: 'der',
  })
  const { publicKey } = pairs.RSA
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const own = publicJwk(stranger.RSA.publicKey)
  const byStranger = (header: Record<string, unknown>): string =>
    signToken('RS256', header, freshClaims(), stranger.RSA)
  return {
    'SEC-SIG-01': signatures([
      ...[0, 127, 255].map(flipped),
      bytes.subarray(0, 255),
      bytes.subarray(0, 128),
      Buffer.concat([bytes, Buffer.from([0])]),
      Buffer.concat([Buffer.from([0]), bytes]),
    ]),
    'SEC-SIG-02': signatures([
      Buffer.alloc(256),
      Buffer.alloc(256, 255),
      Buffer.from([1]),
      Buffer.alloc(50_000, 1),
    ]),
    'SEC-SIG-03': [
      `${head}.${otherBody}.${signature}`,
      `${head}.${body}.${otherSignature}`,
      `${part({ alg: 'RS256', kid: 'rsa', x: 1 })}.${body}.${signature}`,
    ],
    'SEC-SIG-05': [withSignature(ec, Buffer.alloc(64))],
    'SEC-SIG-07': [withSignature(ec, der)],
    'SEC-ALG-05': [
      ...[pem, pem.trim(), pem.replaceAll('\n', '\r\n'), ` ${pem}`].map((key) =>
        hmac('HS256', key),
      ),
      hmac('HS256', publicKey.export({ type: 'spki', format: 'der' })),
      hmac('HS384', publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()),
      hmac('HS512', JSON.stringify(publicJwk(publicKey))),
    ],
    'SEC-ALG-06': ['', 'rsa', 'https://idp.example', 'secret'].map((key) => hmac('HS256', key)),
    'SEC-ALG-10': [
      `${part({ alg: 'RS256', kid: 'ec' })}.${body}.${signature}`,
      `${part({ alg: 'ES256', kid: 'rsa' })}.${body}.${cut(ec)[2]}`,
    ],
    'SEC-KEY-01': [
      byStranger({ jwk: own }),
      byStranger({ jwk: own, kid: 'rsa' }),
      hmac('HS256', 'k', { jwk: { kty: 'oct', k: 'aw' } }),
    ],
    'SEC-KEY-02': [
      byStranger({ jku: 'http://169.254.169.254/latest/meta-data/' }),
      byStranger({ jku: 'file:///etc/passwd', kid: 'rsa' }),
      byStranger({ x5u: 'https://idp.example@127.0.0.1:9/x' }),
    ],
    'SEC-KEY-03': [byStranger({ x5c: ['AAAA'], x5t: 'AAAA', 'x5t#S256': 'AAAA' })],
    'SEC-KEY-05': [
      byStranger({ kid: 'rsa' }),
      byStranger({}),
      signToken('ES256', { kid: 'ec' }, freshClaims(), stranger['P-256']),
    ],
    'SEC-KEY-06': [
      '../../etc/passwd',
      "' OR 1=1 --",
      '$(id)',
      'http://127.0.0.1:9/',
      'k'.repeat(65_536),
      'a\r\nb\u001b[31m\u2028',
    ].map((kid) => byStranger({ kid })),
    'SEC-KEY-08': ['__proto__', 'constructor'].map((kid) => byStranger({ kid })),
    'SEC-KEY-16': [hmac('HS256', 'shared-secret-shared-secret', { kid: 'shared' })],
  }
}

/** Signed by a trusted key; what they say is refused. */
export function misleading(): Hostile {
  const signed = (claims: unknown): string => signToken('RS256', { kid: 'rsa' }, claims)
  const claim = (name: string, values: readonly unknown[]): string[] =>
    values.map((value) => signed(freshClaims({ [name]: value })))
  // A member that is undefined is left out of the JSON.
  const without = (...names: readonly string[]): object =>
    freshClaims(Object.fromEntries(names.map((name) => [name, undefined])))
  const dated = (text: string): string =>
    withClaims(claimsText().replace(/"exp":\d+/, `"exp":${text}`))
  return {
    'SEC-JSN-06': claim('sub', ['a\u0000b']),
    'SEC-JSN-08': [signed({ ...without('sub'), sսb: 'alice' })],
    'SEC-JSN-09': [
      ...claim('SUB', ['bob']),
      ...claim('ſub', ['bob']),
      signed({ ...without('iss'), Iss: 'https://idp.example' }),
    ],
    'SEC-JSN-12': [
      withClaims(`{"__proto__":${claimsText()}}`),
      withClaims(`{"constructor":{"prototype":${claimsText()}}}`),
      withHead('{"__proto__":{"alg":"RS256"}}'),
    ],
    'SEC-JSN-14': [
      ...['iss', 'sub', 'jti'].flatMap((name) => claim(name, [1, ['x'], {}])),
      ...claim('aud', [null, 1, {}, [['tokenstile']], ['tokenstile', 1]]),
    ],
    'SEC-JSN-15': claim('iss', [
      'https://idp.example/',
      'https://IDP.example',
      'https://x@idp.example',
      'https://idp.example:443',
      'https://idp.example.evil',
      'https://idp.example\u0000',
      'https://idр.example',
    ]),
    'SEC-JSN-16': [
      ...claim('aud', ['tokenstile/', 'Tokenstile', 'tokenstile.evil', 'tokenstile,x', '*', '']),
      signed(without('aud')),
    ],
    'SEC-JSN-18': [
      ...['"9999999999"', 'true', '[9999999999]', '{}', 'NaN', 'Infinity', '1e400', '1e308'],
      ...['9007199254740993', '0xffffffff', '09999999999', '+9999999999', '0', '-1', 'null'],
    ].map(dated),
    'SEC-JSN-20': [
      ...claim('exp', [1000]),
      ...claim('nbf', [9_999_999_999]),
      ...claim('iat', [9_999_999_999]),
      signed(without('exp', 'iat', 'nbf')),
    ],
    'SEC-JSN-21': claim('user', [1, ['a'], {}, true, null, '', undefined]),
    'SEC-MAT-13': claim('team', [1, ['a'], {}, true]),
    'SEC-MAT-14': claim('groups', [['a', 1], ['a', null], ['a\u0000']]),
  }
}
