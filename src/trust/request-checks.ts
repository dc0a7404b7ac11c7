/**
 * Checks of a login that need nothing of the token: mount, role, network
 * (jwt-oidc.md §3.2, 1 to 6).
 */

import { defineCheck, fail, pass, skip, type LoginCheck, type Shown } from './login-check.ts'
import type { JwtLoginInput, OidcLoginInput, SharedFacts } from './login-facts.ts'
import { quote } from './shown-value.ts'
import { isSourceAllowed } from './source-address.ts'

const config = defineCheck({
  id: 'config',
  title: 'Mount configuration',
  question: 'Does the mount trust anybody?',
  stage: 'request',
  keptBy: 'request',
  refusals: { config_missing: 'could not load configuration' },
  judge: (facts: JwtLoginInput) => (facts.config.configured ? pass : fail('config_missing')),
  shown: (facts) => ({ got: facts.mountPath }),
})

const roleName = defineCheck({
  id: 'role_name',
  title: 'Role named',
  question: 'Is a role named, or is there a default?',
  stage: 'request',
  keptBy: 'request',
  refusals: { role_missing: 'missing role' },
  judge: (facts: JwtLoginInput) => (nameOfRole(facts) === '' ? fail('role_missing') : pass),
  shown: (facts) => ({ got: nameOfRole(facts) }),
})

const role = defineCheck({
  id: 'role',
  title: 'Role exists',
  question: 'Is there such a role?',
  stage: 'request',
  keptBy: 'request',
  refusals: { role_unknown: 'role {} could not be found' },
  judge(facts: JwtLoginInput) {
    if (facts.role !== undefined) return pass
    const name = nameOfRole(facts)
    return name === '' ? skip : fail('role_unknown', undefined, quote(name))
  },
})

const roleType = defineCheck({
  id: 'role_type',
  title: 'Role type',
  question: 'Is it a role for JWTs?',
  stage: 'request',
  keptBy: 'request',
  refusals: { role_type_mismatch: 'role with oidc role_type is not allowed' },
  judge(facts: JwtLoginInput) {
    if (facts.role === undefined) return skip
    return facts.role.rules.role_type === 'jwt' ? pass : fail('role_type_mismatch')
  },
})

const tokenPresent = defineCheck({
  id: 'token',
  title: 'Token present',
  question: 'Is there a token?',
  stage: 'request',
  refusals: { jwt_missing: 'missing token' },
  judge({ token }: JwtLoginInput) {
    const isMissing =
      token === undefined || ('ok' in token && !token.ok && token.error.reason === 'jwt_missing')
    return isMissing ? fail('jwt_missing') : pass
  },
})

/** The role may have become one for JWTs since the sign-in began. */
export const roleOfSignIn = defineCheck({
  id: 'role_type',
  title: 'Role type',
  question: 'Is it still a role for sign-ins?',
  stage: 'request',
  keptBy: 'request',
  refusals: { role_type_mismatch: 'role with jwt role_type is not allowed' },
  judge: (facts: OidcLoginInput) =>
    facts.role.rules.role_type === 'oidc' ? pass : fail('role_type_mismatch'),
})

export const sourceAddress = defineCheck({
  id: 'source_address',
  title: 'Source address',
  question: "May the caller's network use this role?",
  stage: 'request',
  keptBy: 'request',
  // Whoever calls from outside hears the least that is possible.
  refusals: { source_address_refused: 'permission denied' },
  judge(facts: SharedFacts) {
    if (facts.role === undefined || !facts.role.source.restricted) return skip
    return isSourceAllowed(facts.role.source, facts.sourceAddress)
      ? pass
      : fail('source_address_refused', shownSource(facts))
  },
  shown: shownSource,
})

export const requestChecks: readonly LoginCheck<JwtLoginInput>[] = [
  config,
  roleName,
  role,
  roleType,
  tokenPresent,
  sourceAddress,
]

/** Nothing is asked about roles. */
export const tokenOnlyChecks: readonly LoginCheck<JwtLoginInput>[] = [config, tokenPresent]

/** A CEL role is for JWTs alone, and binds a token to networks by its program. */
export const celRequestChecks: readonly LoginCheck<JwtLoginInput>[] = [
  config,
  roleName,
  role,
  tokenPresent,
]

function shownSource(facts: SharedFacts): Shown {
  return {
    ...(facts.sourceAddress === undefined ? {} : { got: facts.sourceAddress }),
    ...(facts.role === undefined || facts.role.source.anyKnown
      ? {}
      : { expected: { any_of: facts.role.rules.token_bound_cidrs } }),
  }
}

function nameOfRole(facts: JwtLoginInput): string {
  return facts.requestedRole === '' ? facts.config.default_role : facts.requestedRole
}
