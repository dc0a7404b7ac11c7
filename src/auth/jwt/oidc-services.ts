/** What the steps of a sign-in are built from: the same for start, callback and poll. */

import type { JwtConfigs } from './config.ts'
import type { OidcFinish } from './oidc-finish.ts'
import type { OidcProviders } from './oidc-provider.ts'
import type { ProviderBudget } from './provider-budget.ts'
import type { JwtRoles } from './role.ts'
import type { SignInStates } from './sign-in-states.ts'

/** One for each kind of call that strangers can cause, so that junk of one kind stops no other. */
export interface ProviderBudgets {
  /** Codes that the provider did not take. */
  readonly codes: ProviderBudget
  /** Pushed requests whose sign-ins were not finished. */
  readonly pushes: ProviderBudget
  /** Device sign-ins that nobody asked after. */
  readonly devices: ProviderBudget
  /** Polls that the provider had nothing to say to. */
  readonly polls: ProviderBudget
}

export interface OidcServices {
  readonly configs: JwtConfigs
  readonly roles: JwtRoles
  readonly providers: OidcProviders
  readonly states: SignInStates
  readonly finish: OidcFinish
  readonly budgets: ProviderBudgets
}
