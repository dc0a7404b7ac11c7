/**
 * What somebody sent instead of a compact JWT, told by its look alone, so that the refusal says
 * what to change.
 */

import type { JwtProblem } from './jwt-problem.ts'

interface Look {
  readonly id: string
  readonly reason: 'not_a_jwt' | 'jwt_malformed'
  /** Reads a beginning of the text, so that a long one costs no more than a short one. */
  readonly matches: (start: string) => boolean
  readonly detail: string
  readonly hint?: string
}

/** Enough to recognise a credential, and a line break where a terminal folds its lines. */
const readLengthMax = 512

const accessTokenDetail = 'this looks like an access token of another service, not like a JWT'
const anotherCredential = 'not_a_jwt'
const damaged = 'jwt_malformed'

/** What people send most often in place of a token, or around one. The first that fits counts. */
export const looks: readonly Look[] = [
  {
    id: 'server_token',
    reason: anotherCredential,
    matches: (start) => /^(?:hv[sbr]\.|[sbr]\.[\w-]{16})/.test(start),
    detail: 'this looks like a Vault token, not like a JWT',
  },
  {
    id: 'bearer_prefix',
    reason: anotherCredential,
    matches: (start) => /^bearer\s/i.test(start),
    detail: 'this begins with the word Bearer; only the token itself is expected',
  },
  {
    id: 'unfilled_variable',
    reason: damaged,
    matches: (start) => /^(?:\$[\w{(]|\{\{|%\w+%$)/.test(start),
    detail: 'this looks like the name of a variable that nobody filled in',
  },
  {
    id: 'no_value',
    reason: damaged,
    matches: (start) => /^(?:null|undefined|none|nil|false|true|\[object object\])$/i.test(start),
    detail: 'this is the word that a program writes for no value, not a token',
  },
  {
    id: 'json',
    reason: anotherCredential,
    matches: (start) => start.startsWith('{'),
    detail: 'this looks like JSON; a token in compact serialisation is expected',
  },
  {
    id: 'certificate',
    reason: anotherCredential,
    matches: (start) => start.startsWith('-----BEGIN CERTIFICATE'),
    detail: 'this looks like a PEM block, not like a JWT',
    hint: 'it is a certificate; certificates belong into the CA fields of the mount',
  },
  {
    id: 'pem',
    reason: anotherCredential,
    matches: (start) => start.startsWith('-----BEGIN '),
    detail: 'this looks like a PEM block, not like a JWT',
  },
  {
    id: 'certificate_base64',
    reason: anotherCredential,
    matches: (start) => /^(?:MII[A-Za-z0-9+/]|LS0tLS1CRUdJTi)/.test(start),
    detail: 'this looks like a certificate or a key in base64, not like a JWT',
  },
  {
    id: 'github_token',
    reason: anotherCredential,
    matches: (start) => /^(?:gh[a-z]_|github_pat_)/.test(start),
    detail: accessTokenDetail,
    hint: 'it is one of GitHub; a workflow asks for an ID token of its own, with id-token: write',
  },
  {
    id: 'gitlab_token',
    reason: anotherCredential,
    matches: (start) => /^gl[a-z]{2,6}-/.test(start),
    detail: accessTokenDetail,
    hint: 'it is one of GitLab; a job gets an ID token by the keyword id_tokens',
  },
  {
    id: 'service_token',
    reason: anotherCredential,
    matches: (start) =>
      /^(?:xox[a-z]-|ya29\.|A[KS]IA[A-Z0-9]{12}|npm_|pypi-|dckr_pat_|SG\.|sk[-_]|EwB)/.test(start),
    detail: accessTokenDetail,
  },
  {
    id: 'paseto',
    reason: anotherCredential,
    matches: (start) => /^v[1-4]\.(?:local|public)\./.test(start),
    detail: 'this looks like a PASETO, not like a JWT',
  },
  {
    id: 'saml',
    reason: anotherCredential,
    matches: (start) => /^(?:PHNhbW[wx]|PD94bWw)/.test(start),
    detail: 'this looks like a SAML assertion in base64, not like a JWT',
  },
  {
    id: 'ssh_key',
    reason: anotherCredential,
    matches: (start) => /^(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-\w+)\s/.test(start),
    detail: 'this looks like an SSH key, not like a JWT',
  },
  {
    id: 'markup',
    reason: anotherCredential,
    matches: (start) => start.startsWith('<'),
    detail: 'this looks like XML or HTML, not like a JWT',
  },
  {
    id: 'encoded_twice',
    reason: damaged,
    matches: (start) => start.startsWith('ZXlK'),
    detail:
      'this looks like a token that was encoded in base64 once more, as a Kubernetes secret shows it; decode it first',
  },
  {
    id: 'quotes',
    reason: damaged,
    matches: (start) => /^["'`\u2018-\u201f]/.test(start),
    detail: 'this begins with a quotation mark; only what is between the marks is expected',
  },
  {
    id: 'named',
    reason: damaged,
    matches: (start) => /^[\w-]{1,64}\s?[:=]\s?["']?eyJ/.test(start),
    detail: 'there is a name before the token; only the token itself is expected',
  },
  {
    id: 'file_name',
    reason: damaged,
    matches: (start) => /^(?:@|\.{0,2}\/|~\/|[A-Za-z]:\\)/.test(start),
    detail: 'this looks like the name of a file; what the file holds is expected',
  },
  {
    id: 'url',
    reason: damaged,
    matches: (start) => /^https?:\/\//.test(start),
    detail: 'this looks like an address; the token itself is expected',
  },
  {
    id: 'url_encoded',
    reason: damaged,
    matches: (start) => /%[0-9a-f]{2}/i.test(start),
    detail: 'this is URL-encoded; the token is expected as it was issued',
  },
  {
    id: 'line_breaks',
    reason: damaged,
    matches: (start) => /[\r\n]/.test(start),
    detail: 'there is a line break inside; the token is expected in one line',
  },
  {
    id: 'spaces',
    reason: damaged,
    matches: (start) => /\s/.test(start),
    detail: 'there is white space inside; the token is expected in one piece',
  },
]

const words = ['none', 'one', 'two', 'three', 'four', 'five']

/** What its beginning gives away about a text that is no token. */
export function lookOf(text: string): Look | undefined {
  const start = text.slice(0, readLengthMax)
  return looks.find(({ matches }) => matches(start))
}

/** For a trimmed text of which the caller knows that it has not exactly two dots. */
export function whyNotCompact(text: string): JwtProblem {
  if (text === '') return { reason: 'jwt_missing', detail: 'no token was given' }
  const look = lookOf(text)
  if (look?.reason === 'not_a_jwt') return problemOf(look)
  const parts = countParts(text)
  if (parts === 5 && /^[\w-]+\./.test(text)) {
    return {
      reason: 'jwt_encrypted',
      detail: 'five parts found: the token is encrypted, a signed one is expected',
    }
  }
  const found = words[parts] ?? 'more than five'
  return {
    reason: 'jwt_malformed',
    detail: `three parts expected, ${found} found`,
    ...hintOf(look?.detail ?? whatItMayBe(text, parts)),
  }
}

/** For a part of three that cannot be decoded. */
export function notBase64Url(which: 'first' | 'second' | 'third', part: string): JwtProblem {
  const look = which === 'first' ? lookOf(part) : undefined
  if (look?.reason === 'not_a_jwt') return problemOf(look)
  return {
    reason: 'jwt_malformed',
    detail: `the ${which} part of the token is not canonical base64url`,
    ...hintOf(look?.detail ?? whyNotDecoded(part)),
  }
}

function problemOf({ reason, detail, hint }: Look): JwtProblem {
  return { reason, detail, ...hintOf(hint) }
}

function whyNotDecoded(part: string): string | undefined {
  if (/[\r\n]/.test(part)) return 'there is a line break inside'
  if (/\s/.test(part)) return 'there is white space inside'
  if (/%[0-9a-f]{2}/i.test(part)) return 'it is URL-encoded'
  if (/["']$/.test(part)) return 'there is a quotation mark at its end'
  if (part.includes('=')) return 'it has padding (=), which a JWT does not have'
  if (/[+/]/.test(part)) return 'it is plain base64, with + and / in place of - and _'
  return undefined
}

function whatItMayBe(text: string, parts: number): string | undefined {
  if (text.startsWith('eyJ')) return parts < 3 ? 'the end of the token is cut off' : undefined
  const isOpaque = parts === 1 && text.length >= 20 && /^[\w+/~-]+=*$/.test(text)
  return isOpaque ? 'this looks like an opaque access token or an API key' : undefined
}

function hintOf(hint: string | undefined): Pick<JwtProblem, 'hint'> {
  return hint === undefined ? {} : { hint }
}

/** Stops at six, so that a text of dots costs nothing. */
function countParts(text: string): number {
  let parts = 1
  for (let dot = text.indexOf('.'); dot !== -1 && parts < 6; dot = text.indexOf('.', dot + 1))
    parts++
  return parts
}
