/** The JWT/OIDC method. `jwt` and `oidc` are two names of it. */

import type { Backend, BackendType, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { ClientKeys, clientKeyPaths } from './client-keys.ts'
import { configPath, JwtConfigs } from './config.ts'
import { judgeFacts } from './facts.ts'
import { claimedIssuer, issuerPaths, JwtIssuers } from './issuers.ts'
import { lintPath } from './lint.ts'
import { JwtLogin, loginPath } from './login.ts'
import { OidcCallback } from './oidc-callback.ts'
import { OidcFinish } from './oidc-finish.ts'
import { oidcPaths } from './oidc-paths.ts'
import { OidcPoll } from './oidc-poll.ts'
import { OidcProviders } from './oidc-provider.ts'
import { OidcStart } from './oidc-start.ts'
import { ProviderBudget } from './provider-budget.ts'
import { JwtRoles, rolePaths } from './role.ts'
import { SignInStates } from './sign-in-states.ts'

export const jwtBackend: BackendType = {
  types: ['jwt', 'oidc'],
  class: 'auth',
  create(context): Backend {
    const clientKeys = new ClientKeys(context)
    const configs = new JwtConfigs(context, clientKeys)
    const issuers = new JwtIssuers(context, configs)
    const roles = new JwtRoles(context, configs)
    const login = new JwtLogin(context, { configs, issuers, roles })
    const states = new SignInStates(context)
    const providers = new OidcProviders(context, configs, clientKeys)
    const finish = new OidcFinish(context, roles)
    const budgets = {
      codes: new ProviderBudget(),
      devices: new ProviderBudget(),
      polls: new ProviderBudget(),
    }
    const flow = { configs, roles, providers, states, finish, budgets }

    async function renew(request: RenewRequest): Promise<RenewTerms> {
      const record = await roles.load(request.role.name)
      if (record === undefined) {
        throw invalid(`role ${JSON.stringify(request.role.name)} could not be found, not renewing`)
      }
      if (context.mount().compat !== 'vault') {
        const judged = judgeFacts(
          {
            role: roles.compiled(record),
            isSameVersion: record.version === request.role.version,
            tokenAudiences: await issuers.audiencesFor(claimedIssuer(request.facts)),
          },
          request.facts,
        )
        if (!judged.ok) throw invalid(`the token may no longer be renewed: ${judged.error}`)
      }
      return {
        ttlSeconds: record.token_ttl,
        maxTtlSeconds: record.token_max_ttl,
        periodSeconds: record.token_period,
      }
    }

    return {
      paths: [
        configPath(configs),
        ...issuerPaths(issuers),
        ...rolePaths(roles),
        lintPath(configs, roles),
        loginPath(login),
        ...oidcPaths(context, {
          start: new OidcStart(context, flow),
          callback: new OidcCallback(context, flow),
          poll: new OidcPoll(flow),
        }),
        ...clientKeyPaths(clientKeys),
      ],
      renew,
      close: async () => {
        states.close()
        configs.close()
      },
    }
  },
}
