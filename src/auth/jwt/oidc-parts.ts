/** What the steps of a sign-in are built from: the same parts for start, callback and poll. */

import type { JwtConfigs } from './config.ts'
import type { OidcFinish } from './oidc-finish.ts'
import type { OidcProviders } from './oidc-provider.ts'
import type { ProviderBudget } from './provider-budget.ts'
import type { JwtRoles } from './role.ts'
import type { SignInStates } from './sign-in-states.ts'

export interface OidcParts {
  readonly configs: JwtConfigs
  readonly roles: JwtRoles
  readonly providers: OidcProviders
  readonly states: SignInStates
  readonly finish: OidcFinish
  readonly budget: ProviderBudget
}
