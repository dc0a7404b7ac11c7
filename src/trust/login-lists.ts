/**
 * The logins there are, each as the list of its checks in their order (jwt-oidc.md §3.2,
 * §4.9, §4.11). Renewal and explain go through the same lists, and the reference page is made of
 * them: a new check is one element here.
 */

import { celProgram } from './cel-check.ts'
import { boundSubject, idTokenChecks, userInfo } from './id-token-checks.ts'
import { identityChecks } from './identity-checks.ts'
import type { CelLoginInput, JwtLoginInput, OidcLoginInput } from './login-facts.ts'
import {
  celRequestChecks,
  requestChecks,
  tokenOnlyChecks,
  roleOfSignIn,
  sourceAddress,
} from './request-checks.ts'
import { roleChosen, type SelectingLoginInput } from './role-choice.ts'
import { createLogin } from './run-checks.ts'
import { timeChecks } from './time-checks.ts'
import { audienceBound, tokenChecks } from './token-checks.ts'

/** Login with a JWT. */
export const jwtLogin = createLogin<JwtLoginInput>([
  ...requestChecks,
  ...tokenChecks,
  ...timeChecks,
  audienceBound,
  ...identityChecks,
])

/**
 * Login with a JWT through a CEL role (jwt-oidc.md §6.4). No subject is bound, and an audience that
 * nothing binds is the program's own business.
 */
export const celLogin = createLogin<CelLoginInput>([
  ...celRequestChecks,
  ...tokenChecks,
  ...timeChecks,
  celProgram,
])

/**
 * Login with a JWT that names no role, where the mount chooses by the claims (jwt-oidc.md §2.11).
 * The token is proven before any role is looked at; each that may fit is then judged by the whole
 * list of a login that names it.
 */
export const selectingLogin = createLogin<SelectingLoginInput>([
  ...tokenOnlyChecks,
  ...tokenChecks,
  roleChosen,
])

/** The end of a sign-in with OpenID Connect; mount and role were found when it began. */
export const oidcLogin = createLogin<OidcLoginInput>([
  roleOfSignIn,
  sourceAddress,
  ...idTokenChecks,
  boundSubject,
  userInfo,
  ...identityChecks,
])
