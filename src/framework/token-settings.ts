/**
 * The token settings that the roles of every auth method have, with their older names
 * (platform.md §3.11, jwt-oidc.md §2.1). What of them decides logins is in `trust/role-rules.ts`.
 */

import { parseCidr } from '../lib/cidr.ts'
import type { JsonObject } from '../lib/json.ts'
import { field, foldText, type Input } from '../schema/field.ts'
import {
  choice,
  defineRecord,
  own,
  stored,
  type DraftOf,
  type RecordDefinition,
  type RecordTable,
  type StoredOf,
  type WireInput,
} from '../schema/record.ts'
import { tokenRuleTable } from '../trust/role-rules.ts'
import { invalid } from './refusal.ts'

const renamed = [
  ['policies', 'token_policies'],
  ['ttl', 'token_ttl'],
  ['max_ttl', 'token_max_ttl'],
  ['period', 'token_period'],
  ['num_uses', 'token_num_uses'],
  ['bound_cidrs', 'token_bound_cidrs'],
] as const

type OlderName = (typeof renamed)[number][0]

const noOlderNames: readonly OlderName[] = []

/** To be spread into the table of a role. */
export const tokenTable = {
  token_ttl: stored(
    field.duration({ help: 'First TTL of the token, in seconds or as a duration.' }),
  ),
  token_max_ttl: stored(field.duration({ help: 'Maximum TTL over all renewals.' })),
  token_explicit_max_ttl: stored(
    field.duration({ help: 'Hard limit of its life, frozen at login.' }),
  ),
  token_period: stored(field.duration({ help: 'Renewal period without an end.' })),
  token_num_uses: stored(field.int({ help: 'Number of requests it may make; 0 is no limit.' })),
  token_type: choice(
    ['default', 'service', 'batch', 'default-service', 'default-batch'],
    field.string({ help: 'default, service, batch, default-service or default-batch.' }),
  ),
  ...tokenRuleTable,
  /** Older names under which values were written; reads show those too. */
  older_names: own(noOlderNames),
}

/** To be spread into the fields of the path that writes the role. */
export const olderTokenFields = {
  policies: field.commaList({ help: 'Older name of token_policies.', deprecated: true }),
  ttl: field.duration({ help: 'Older name of token_ttl.', deprecated: true }),
  max_ttl: field.duration({ help: 'Older name of token_max_ttl.', deprecated: true }),
  period: field.duration({ help: 'Older name of token_period.', deprecated: true }),
  num_uses: field.int({ help: 'Older name of token_num_uses.', deprecated: true }),
  bound_cidrs: field.commaList({ help: 'Older name of token_bound_cidrs.', deprecated: true }),
} as const

const tokenSettings = defineRecord(tokenTable)

export type TokenSettings = StoredOf<typeof tokenTable>
type TokenDraft = DraftOf<typeof tokenTable>
type TokenInput = WireInput<typeof tokenTable> & Partial<Input<typeof olderTokenFields>>

/**
 * What a write makes of a role, by `merge` of its record; throws a 400 for token settings that
 * cannot be.
 */
export function mergeSettings<I extends TokenInput, D extends TokenDraft>(
  current: TokenSettings,
  input: I,
  merge: (input: I) => D,
): D & Pick<TokenSettings, 'older_names'> {
  const draft = { ...merge(renameOlder(input)), older_names: olderNamesAfter(current, input) }
  checkTokenSettings(draft)
  return draft
}

/** The same request without older names. */
function renameOlder<I extends TokenInput>(input: I): I {
  return {
    ...input,
    token_policies: input.token_policies ?? tidyNames(input.policies),
    token_ttl: input.token_ttl ?? input.ttl,
    token_max_ttl: input.token_max_ttl ?? input.max_ttl,
    token_period: input.token_period ?? input.period,
    token_num_uses: input.token_num_uses ?? input.num_uses,
    token_bound_cidrs: input.token_bound_cidrs ?? input.bound_cidrs,
  }
}

/** The older field was always tidied when written; the newer one is stored as it came. */
function tidyNames(names: readonly string[] | undefined): readonly string[] | undefined {
  if (names === undefined) return undefined
  const tidy = names.map(foldText).filter((name) => name !== '')
  return [...new Set(tidy)].toSorted()
}

/** A name is kept while writes use it, and goes with a write that knows only the newer one. */
function olderNamesAfter({ older_names }: TokenSettings, input: TokenInput): readonly OlderName[] {
  const names = new Set(older_names)
  for (const [older, newer] of renamed) {
    if (input[older] !== undefined) names.add(older)
    else if (input[newer] !== undefined) names.delete(older)
  }
  return [...names]
}

/** Throws a 400 for the first setting that cannot be. */
function checkTokenSettings(settings: TokenDraft): void {
  const settled = tokenSettings.check(settings)
  if (!settled.ok) {
    const { field: name, value } = settled.error
    throw invalid(`invalid '${name}' value ${JSON.stringify(value.slice(0, 64))}`)
  }
  if (settings.token_num_uses < 0) throw invalid("'token_num_uses' cannot be negative")
  if (settings.token_type === 'batch' || settings.token_type === 'default-batch') {
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
  requireNetworks('token_bound_cidrs', settings.token_bound_cidrs)
  if (settings.token_strictly_bind_ip && settings.token_bound_cidrs.length > 0) {
    throw invalid("'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one")
  }
  if (settings.token_max_ttl > 0 && settings.token_ttl > settings.token_max_ttl) {
    throw invalid("'token_ttl' cannot be greater than 'token_max_ttl'")
  }
}

/** Throws a 400 that names the field for the first text that is neither address nor network. */
export function requireNetworks(name: string, texts: readonly string[]): void {
  const stranger = texts.find((text) => parseCidr(text) === undefined)
  if (stranger === undefined) return
  throw invalid(
    `'${name}' has ${JSON.stringify(stranger.slice(0, 64))}, which is no IP address or CIDR`,
  )
}

/** The older names that a read shows beside the newer ones. */
export function shownOlderNames(settings: TokenSettings): JsonObject {
  const shown = renamed.filter(([older]) => settings.older_names.includes(older))
  return Object.fromEntries(shown.map(([older, newer]) => [older, settings[newer]]))
}

/** The record, once nothing is left that is none of its choices; throws a 400 for the first one. */
export function requireChoices<T extends RecordTable, D extends DraftOf<T>>(
  definition: RecordDefinition<T>,
  draft: D,
): D & StoredOf<T> {
  const record = definition.check(draft)
  if (record.ok) return record.value
  const { field: name, value, choices } = record.error
  const use = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
  throw invalid(`invalid '${name}': ${JSON.stringify(value.slice(0, 64))}; use ${use}`)
}
