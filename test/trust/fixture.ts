/** Inputs of login decisions for the tests of this folder: one good login, and changes to it. */

import { parseJson, type JsonObject, isJsonObject } from '../../src/lib/json.ts'
import { ok } from '../../src/lib/result.ts'
import {
  decideJwtLogin,
  explainJwtLogin,
  type Decision,
  type Explanation,
  type JwtLoginInput,
  type LoginOutcome,
} from '../../src/trust/decide.ts'
import type { Reason } from '../../src/trust/reasons.ts'
import {
  compileRole,
  defaultRoleRules,
  type CompiledRole,
  type RoleRules,
} from '../../src/trust/role-rules.ts'
import type { Check } from '../../src/trust/run-checks.ts'

export const nowSeconds = 1_900_000_000

/** Claims as the token reader gives them: from JSON text, with numbers kept exactly. */
export function claimsOf(text: string): JsonObject {
  const parsed = parseJson(text, {
    depthMax: 64,
    stringLengthMax: 262_144,
    entriesMax: 20_000,
    duplicates: 'refuse',
    loneSurrogates: 'refuse',
  })
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('the fixture is no JSON object')
  return parsed.value
}

export function roleOf(change: Partial<RoleRules> = {}): CompiledRole {
  return compileRole('build', 1, {
    ...defaultRoleRules,
    role_type: 'jwt',
    user_claim: 'user',
    bound_subject: 'sub1',
    token_policies: ['test'],
    ...change,
  })
}

export function tokenOf(claims: JsonObject | string): Extract<JwtLoginInput['token'], object> {
  return ok({
    header: { alg: 'ES256', kid: 'k1', typ: 'JWT' },
    claims: typeof claims === 'string' ? claimsOf(claims) : claims,
    signed: new Uint8Array(),
    signature: new Uint8Array(),
  })
}

export const goodClaims = `{"iss":"https://iss/","sub":"sub1","nbf":${nowSeconds - 5},"user":"jeff"}`

/** The good claims with members replaced or added; undefined takes a member away. */
export function withClaims(change: Record<string, unknown>): string {
  return JSON.stringify({ ...(JSON.parse(goodClaims) as object), ...change })
}

export function inputOf(change: Partial<JwtLoginInput> = {}): JwtLoginInput {
  return {
    mountPath: 'jwt/',
    config: {
      configured: true,
      bound_issuer: 'https://iss/',
      discovered_issuer: undefined,
      token_audiences: [],
      default_role: '',
    },
    requestedRole: 'build',
    role: roleOf(),
    compat: 'strict',
    token: tokenOf(goodClaims),
    sourceAddress: '127.0.0.42',
    signature: ok({ keyId: 'k1', thumbprint: 't' }),
    nowSeconds,
    env: { nowMs: nowSeconds * 1000, randomBytes: (count) => new Uint8Array(count).fill(7) },
    explainToCaller: 'own_claims',
    ...change,
  }
}

/** The decision in one shape, whether it ended at its first failure or went on behind it. */
export interface Judged {
  readonly accepted: boolean
  readonly proven: boolean
  readonly reason: Reason | undefined
  readonly status: number
  readonly text: string
  readonly sentence: string | undefined
  readonly checks: readonly Check[]
  readonly also_fails: readonly Reason[]
  readonly outcome: LoginOutcome | undefined
}

export function decide(
  change: Partial<JwtLoginInput> & { readonly evaluateAll?: boolean } = {},
): Judged {
  const { evaluateAll = false, ...rest } = change
  const input = inputOf(rest)
  const step = evaluateAll ? explainJwtLogin(input) : decideJwtLogin(input)
  if (step.kind === 'needs') throw new Error(`the decision needs ${step.need}`)
  return judgedOf(step.kind === 'decided' ? step.decision : step.explanation)
}

export function judgedOf(made: Decision | Explanation): Judged {
  const { checks } = made
  const failure = 'failure' in made ? made.failure : undefined
  return {
    accepted: failure === undefined,
    proven: 'proven' in made ? made.proven : made.kind === 'accepted',
    reason: failure?.reason,
    status: failure?.status ?? 200,
    text: failure?.text ?? '',
    sentence: failure?.sentence,
    checks,
    also_fails: 'also_fails' in made ? made.also_fails : [],
    outcome: 'outcome' in made ? made.outcome : undefined,
  }
}

/** The reason of a login with these claims and this role, undefined when it is accepted. */
export function reasonOf(claims: string, rules: Partial<RoleRules> = {}): string | undefined {
  return decide({ token: tokenOf(claims), role: roleOf(rules) }).reason
}
