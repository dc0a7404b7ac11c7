/** The token settings that every auth role has, with their older names (platform contract §3.11, JWT contract §2.1). */

import { invalid } from '../../framework/refusal.ts'
import { parseCidr } from '../../lib/cidr.ts'
import { field, type Input } from '../../schema/field.ts'

export const tokenFields = {
  token_ttl: field.duration({ help: 'First TTL of the token, in seconds or as a duration.' }),
  token_max_ttl: field.duration({ help: 'Maximum TTL over all renewals.' }),
  token_explicit_max_ttl: field.duration({ help: 'Hard limit of its life, frozen at login.' }),
  token_period: field.duration({ help: 'Renewal period without an end.' }),
  token_policies: field.commaList({ help: 'Policies of the token.', emptyElements: 'drop' }),
  token_no_default_policy: field.bool({ help: 'Leave the default policy out.' }),
  token_num_uses: field.int({ help: 'Number of requests it may make; 0 is no limit.' }),
  token_bound_cidrs: field.commaList({
    help: 'Addresses or networks that may log in and use the token.',
    emptyElements: 'drop',
  }),
  token_type: field.string({ help: 'default, service or batch.' }),
  token_strictly_bind_ip: field.bool({ help: "Bind the token to the login's address." }),
  policies: field.commaList({
    help: 'Older name of token_policies.',
    deprecated: true,
    emptyElements: 'drop',
  }),
  ttl: field.duration({ help: 'Older name of token_ttl.', deprecated: true }),
  max_ttl: field.duration({ help: 'Older name of token_max_ttl.', deprecated: true }),
  period: field.duration({ help: 'Older name of token_period.', deprecated: true }),
  num_uses: field.int({ help: 'Older name of token_num_uses.', deprecated: true }),
  bound_cidrs: field.commaList({
    help: 'Older name of token_bound_cidrs.',
    deprecated: true,
    emptyElements: 'drop',
  }),
} as const

export interface TokenSettings {
  readonly token_ttl: number
  readonly token_max_ttl: number
  readonly token_explicit_max_ttl: number
  readonly token_period: number
  readonly token_policies: readonly string[]
  readonly token_no_default_policy: boolean
  readonly token_num_uses: number
  readonly token_bound_cidrs: readonly string[]
  readonly token_type: 'default' | 'service' | 'batch'
  readonly token_strictly_bind_ip: boolean
  /** Older names under which values were written; reads show those too. */
  readonly older_names: readonly OlderName[]
}

export const defaultTokenSettings: TokenSettings = {
  token_ttl: 0,
  token_max_ttl: 0,
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_policies: [],
  token_no_default_policy: false,
  token_num_uses: 0,
  token_bound_cidrs: [],
  token_type: 'default',
  token_strictly_bind_ip: false,
  older_names: [],
}

const olderNames = {
  policies: 'token_policies',
  ttl: 'token_ttl',
  max_ttl: 'token_max_ttl',
  period: 'token_period',
  num_uses: 'token_num_uses',
  bound_cidrs: 'token_bound_cidrs',
} as const

type OlderName = keyof typeof olderNames

const tokenTypes: readonly string[] = ['default', 'service', 'batch']

/** The stored settings with what a write gives; throws a 400 for the first field that cannot be. */
export function mergeTokenSettings(
  current: TokenSettings,
  input: Input<typeof tokenFields>,
): TokenSettings {
  const merged = { ...current } as { -readonly [K in keyof TokenSettings]: TokenSettings[K] }
  if (input.token_explicit_max_ttl !== undefined) {
    merged.token_explicit_max_ttl = input.token_explicit_max_ttl
  }
  if (input.token_no_default_policy !== undefined) {
    merged.token_no_default_policy = input.token_no_default_policy
  }
  if (input.token_strictly_bind_ip !== undefined) {
    merged.token_strictly_bind_ip = input.token_strictly_bind_ip
  }
  if (input.token_type !== undefined) merged.token_type = parseTokenType(input.token_type)
  const older = new Set(current.older_names)
  const take = <K extends OlderName>(name: K, set: (value: never) => void) => {
    const newName = olderNames[name]
    const newValue = input[newName]
    const oldValue = input[name]
    const value = newValue ?? oldValue
    if (value === undefined) return
    if (oldValue === undefined) older.delete(name)
    else older.add(name)
    set(value as never)
  }
  take('ttl', (value) => (merged.token_ttl = value))
  take('max_ttl', (value) => (merged.token_max_ttl = value))
  take('period', (value) => (merged.token_period = value))
  take('num_uses', (value) => (merged.token_num_uses = value))
  take('bound_cidrs', (value) => (merged.token_bound_cidrs = value))
  take('policies', (value) => (merged.token_policies = value))
  if (input.token_policies === undefined && input.policies !== undefined) {
    // The older field was always tidied when written; the newer one is stored as it came.
    const tidy = input.policies
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '')
    merged.token_policies = [...new Set(tidy)].toSorted()
  }
  merged.older_names = [...older]
  checkTokenSettings(merged)
  return merged
}

function parseTokenType(text: string): TokenSettings['token_type'] {
  if (text === '') return 'default'
  if (!tokenTypes.includes(text))
    throw invalid(`invalid 'token_type' value ${JSON.stringify(text.slice(0, 64))}`)
  return text as TokenSettings['token_type']
}

function checkTokenSettings(settings: TokenSettings): void {
  if (settings.token_num_uses < 0) throw invalid("'token_num_uses' cannot be negative")
  if (settings.token_type === 'batch') {
    if (settings.token_period !== 0) {
      throw invalid(
        "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
      )
    }
    if (settings.token_num_uses !== 0) {
      throw invalid(
        "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
      )
    }
  }
  for (const text of settings.token_bound_cidrs) {
    if (parseCidr(text) === undefined) {
      throw invalid(
        `'token_bound_cidrs' has ${JSON.stringify(text.slice(0, 64))}, which is no IP address or CIDR`,
      )
    }
  }
  if (settings.token_strictly_bind_ip && settings.token_bound_cidrs.length > 0) {
    throw invalid("'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one")
  }
  if (settings.token_max_ttl > 0 && settings.token_ttl > settings.token_max_ttl) {
    throw invalid("'token_ttl' cannot be greater than 'token_max_ttl'")
  }
}

/** The older names that a read shows beside the newer ones. */
export function shownOlderNames(
  settings: TokenSettings,
): Record<string, number | readonly string[]> {
  const shown: Record<string, number | readonly string[]> = {}
  for (const name of settings.older_names) shown[name] = settings[olderNames[name]]
  return shown
}
