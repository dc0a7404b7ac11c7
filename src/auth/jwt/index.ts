/** The JWT/OIDC method. `jwt` and `oidc` are two names of it. */

import type { Backend, BackendType } from '../../framework/backend.ts'
import { CelLogin, celLoginPath } from './cel-login.ts'
import { CelRoles, celRolePaths } from './cel-role.ts'
import { ClientKeys, clientKeyPaths } from './client-keys.ts'
import { configPath, JwtConfigs } from './config.ts'
import { doctorPath, JwtDoctor } from './doctor.ts'
import { JwtExplainer } from './explain.ts'
import { issuerPaths, JwtIssuers } from './issuers.ts'
import { lintPath } from './lint.ts'
import { keyMetrics } from './key-metrics.ts'
import { JwtLogin, loginPath } from './login.ts'
import { JwtPreview } from './preview.ts'
import { OidcCallback } from './oidc-callback.ts'
import { OidcFinish } from './oidc-finish.ts'
import { oidcPaths } from './oidc-paths.ts'
import { hostOf } from './oidc-pages.ts'
import { OidcPoll } from './oidc-poll.ts'
import { OidcProviders } from './oidc-provider.ts'
import { OidcStart } from './oidc-start.ts'
import { KnownCustomers, ProviderBudget } from './provider-budget.ts'
import { JwtRenewal } from './renewal.ts'
import { roleOfLogin } from './role-of-login.ts'
import { JwtRoles, rolePaths } from './role.ts'
import { SignInStates } from './sign-in-states.ts'

export const jwtBackend: BackendType = {
  types: ['jwt', 'oidc'],
  exactAliases: true,
  directLogin: 'login',
  class: 'auth',
  create(context): Backend {
    const clientKeys = new ClientKeys(context)
    const configs = new JwtConfigs(context, clientKeys)
    const issuers = new JwtIssuers(context, configs)
    const roles = new JwtRoles(context, configs)
    const login = new JwtLogin(context, { configs, issuers, roles })
    const celRoles = new CelRoles(context)
    const preview = new JwtPreview(context, { configs, issuers, roles, celRoles, login })
    const renewal = new JwtRenewal(context, { configs, issuers, roles, celRoles })
    const states = new SignInStates(context)
    const providers = new OidcProviders(context, configs, clientKeys)
    const finish = new OidcFinish(context, roles)
    const known = new KnownCustomers()
    const budgets = {
      codes: new ProviderBudget(known, context.processes),
      pushes: new ProviderBudget(known, context.processes),
      devices: new ProviderBudget(known, context.processes),
      polls: new ProviderBudget(known, context.processes),
    }
    const flow = { configs, roles, providers, states, finish, budgets }

    return {
      paths: [
        configPath(configs, (draft, sight) => preview.config(draft, sight)),
        ...issuerPaths(issuers, (draft, sight) => preview.issuer(draft, sight)),
        ...rolePaths(roles, (draft, sight) => preview.role(draft, sight)),
        lintPath(configs, roles, context),
        doctorPath(new JwtDoctor(context, { configs, issuers, roles, providers })),
        loginPath(login),
        ...celRolePaths(celRoles, (draft, sight) => preview.celRole(draft, sight)),
        celLoginPath(new CelLogin(login, celRoles, context)),
        ...oidcPaths(context, {
          start: new OidcStart(context, flow),
          callback: new OidcCallback(context, flow),
          poll: new OidcPoll(context, flow, renewal),
        }),
        ...clientKeyPaths(clientKeys),
      ],
      renew: (request) => renewal.renew(request),
      roleOfLogin: (path, data) => roleOfLogin(configs, path, data),
      signInHost: async () => hostOf((await configs.load())?.oidc_discovery_url ?? ''),
      metrics: () => keyMetrics(context.mount().path, configs.sources.status()),
      explainer: new JwtExplainer(context, { login, roles, providers, finish }),
      close: async () => {
        states.close()
        configs.close()
      },
    }
  },
}
