/** What a new secret id may be: the wishes of a request within the bounds of its role. */

import { invalid } from '../../framework/refusal.ts'
import { requireNetworks } from '../../framework/token-settings.ts'
import { cidrCovers, parseCidr } from '../../lib/cidr.ts'
import { isJsonObject, parseJson, requestJsonLimits } from '../../lib/json.ts'
import { field, type Input } from '../../schema/field.ts'
import type { RoleRecord } from './role-record.ts'
import type { SecretTerms } from './secret-ids.ts'

const metadataCharsMax = 8192
const metadataEntriesMax = 64

export const termFields = {
  metadata: field.string({
    help: 'A text with a JSON object of texts, which the tokens get as metadata.',
    charsMax: metadataCharsMax,
  }),
  cidr_list: field.commaList({ help: 'Networks that logins with it may come from.' }),
  token_bound_cidrs: field.commaList({ help: 'Networks that its tokens may be used from.' }),
  num_uses: field.int({ help: "Logins it is good for; the role's number when absent." }),
  ttl: field.duration({ help: "How long it lives; the role's TTL when absent." }),
} as const

export function parseTerms(
  role: RoleRecord,
  input: Input<typeof termFields>,
  ttlSecondsMax: number,
): SecretTerms {
  if (!role.bind_secret_id) throw invalid('bind_secret_id is not set on the role')
  const { num_uses: numUses = role.secret_id_num_uses, ttl = role.secret_id_ttl } = input
  if (numUses < 0) throw invalid("'num_uses' cannot be negative")
  if (isBeyond(numUses, role.secret_id_num_uses)) {
    throw invalid("'num_uses' cannot be higher than the role's 'secret_id_num_uses'")
  }
  if (isBeyond(ttl, role.secret_id_ttl)) {
    throw invalid("'ttl' cannot be longer than the role's 'secret_id_ttl'")
  }
  const { cidr_list: cidrs = [], token_bound_cidrs: tokenCidrs = [] } = input
  requireWithin('cidr_list', cidrs, role.secret_id_bound_cidrs ?? [])
  requireWithin('token_bound_cidrs', tokenCidrs, role.token_bound_cidrs)
  return {
    numUses,
    ttlSeconds: Math.min(ttl, ttlSecondsMax),
    metadata: parseMetadata(input.metadata ?? ''),
    cidrs,
    tokenCidrs,
  }
}

/** 0 is without a limit, on both sides. */
function isBeyond(asked: number, bound: number): boolean {
  return bound > 0 && (asked === 0 || asked > bound)
}

function requireWithin(name: string, texts: readonly string[], bounds: readonly string[]): void {
  requireNetworks(name, texts)
  if (bounds.length === 0) return
  const outer = bounds.map(parseCidr).filter((cidr) => cidr !== undefined)
  for (const text of texts) {
    const inner = parseCidr(text)
    if (inner === undefined || !outer.some((cidr) => cidrCovers(cidr, inner))) {
      throw invalid(`'${name}' has a network that is not within those of the role`)
    }
  }
}

function parseMetadata(text: string): Readonly<Record<string, string>> {
  if (text === '') return {}
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) {
    throw invalid("'metadata' must be a text with a JSON object of texts")
  }
  const entries = Object.entries(parsed.value)
  if (entries.length > metadataEntriesMax) {
    throw invalid(`'metadata' can have at most ${metadataEntriesMax} entries`)
  }
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') throw invalid("'metadata' must have texts only")
      return [name, value]
    }),
  )
}
