/**
 * What a write of a policy would do to the tokens that are alive now (explain.md §5): those that
 * have it are asked, by the rules that stand and by those that would, what they may do on each path
 * that either text names. Nothing is written.
 */

import { encodeJson, type JsonObject } from '../lib/json.ts'
import { turn } from '../lib/turns.ts'
import type { Clock } from '../platform/clock.ts'
import type { Store } from '../storage/store.ts'
import type { PolicyAccess } from './access.ts'
import type { Acl } from './policy/acl.ts'
import { parsePolicy } from './policy/policy.ts'
import type { PolicyRecord, TokenRecord } from './records.ts'
import type { TokenOperations } from './token-operations.ts'
import type { RightsOfTokens } from './token-rights.ts'
import type { LiveToken } from './tokens.ts'

const tokensMax = 10_000
const timeMsMax = 2_000
const tokensOfTurn = 50
const pathsMax = 1_000

export interface PreviewedTokens {
  readonly replayed: number
  readonly gain: readonly JsonObject[]
  readonly lose: readonly JsonObject[]
  readonly changed: readonly JsonObject[]
  readonly truncated: boolean
}

interface Parts {
  readonly store: Store
  readonly clock: Clock
  readonly rights: Pick<RightsOfTokens, 'of'>
  readonly access: Pick<PolicyAccess, 'aclWith'>
  readonly tokenOperations: Pick<TokenOperations, 'eachLive'>
}

interface Difference {
  readonly path: string
  readonly gained: readonly string[]
  readonly lost: readonly string[]
}

export async function previewPolicy(
  { store, clock, rights, access, tokenOperations }: Parts,
  current: PolicyRecord | undefined,
  next: PolicyRecord,
): Promise<PreviewedTokens> {
  const paths = pathsOf([current, next])
  const startedMs = clock.monotonicMs()
  const tokens: LiveToken[] = []
  let isFull = false
  await tokenOperations.eachLive((token) => {
    if (tokens.length < tokensMax) tokens.push(token)
    else isFull = true
  })
  const gain: JsonObject[] = []
  const lose: JsonObject[] = []
  const changed: JsonObject[] = []
  let replayed = 0
  let judged = 0
  for (const token of tokens) {
    if (clock.monotonicMs() - startedMs > timeMsMax) break
    if (judged++ % tokensOfTurn === tokensOfTurn - 1) await turn(clock)
    const differences = await store.view(async (view) => {
      const epoch = await view.epoch()
      const { all, facts, isRefused } = await rights.of(token.record, epoch, view)
      if (isRefused || !all.includes(next.name)) return undefined
      const before = await access.aclWith(all, facts, view)
      const after = await access.aclWith(all, facts, view, next)
      return paths.flatMap((path) => differenceOf(path, before, after))
    })
    if (differences === undefined) continue
    replayed++
    const row = rowOf(token.record, token.accessor, differences)
    if (differences.length === 0) continue
    if (differences.every(({ lost }) => lost.length === 0)) gain.push(row)
    else if (differences.every(({ gained }) => gained.length === 0)) lose.push(row)
    else changed.push(row)
  }
  return { replayed, gain, lose, changed, truncated: isFull || judged < tokens.length }
}

/** One path for each rule: a star and a plus stand for a name. */
function pathsOf(records: readonly (PolicyRecord | undefined)[]): readonly string[] {
  const paths = new Set<string>()
  for (const record of records) {
    if (record === undefined) continue
    const parsed = parsePolicy(record.name, record.text)
    if (!parsed.ok) continue
    for (const { path, isTemplated } of parsed.value.rules) {
      // What fills a template is another path for each token.
      if (isTemplated) continue
      paths.add(path.replaceAll('+', 'any').replace(/\*$/, 'any'))
    }
  }
  return [...paths].slice(0, pathsMax)
}

function differenceOf(path: string, before: Acl, after: Acl): readonly Difference[] {
  const old = before.capabilities(path).filter((name) => name !== 'deny')
  const made = after.capabilities(path).filter((name) => name !== 'deny')
  const gained = made.filter((name) => !old.includes(name))
  const lost = old.filter((name) => !made.includes(name))
  return gained.length === 0 && lost.length === 0 ? [] : [{ path, gained, lost }]
}

function rowOf(
  record: TokenRecord,
  accessor: string,
  differences: readonly Difference[],
): JsonObject {
  return {
    id: accessor,
    sub: record.name,
    role: record.login?.role ?? record.role ?? '',
    paths: differences.map(({ path, gained, lost }) => ({
      path,
      gained: [...gained],
      lost: [...lost],
    })),
  }
}

/** The text of a policy as a change of it is shown. */
export function policyChanges(
  current: PolicyRecord | undefined,
  next: PolicyRecord,
): readonly JsonObject[] {
  const shown = (record: PolicyRecord | undefined): JsonObject => ({
    policy: record?.text ?? null,
    allow_slashes_in_identity_templates: record?.allowSlashes === true,
  })
  const [before, after] = [shown(current), shown(next)]
  return Object.entries(after).flatMap(([field, value]): JsonObject[] => {
    const old = before[field] ?? null
    return encodeJson(old) === encodeJson(value) ? [] : [{ field, before: old, after: value }]
  })
}
