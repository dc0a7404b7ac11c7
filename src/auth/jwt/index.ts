/** The JWT/OIDC method. `jwt` and `oidc` are two names of it. */

import type { Backend, BackendType, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { configPath, JwtConfigs } from './config.ts'
import { judgeFacts } from './facts.ts'
import { JwtLogin, loginPath } from './login.ts'
import { JwtRoles, rolePaths } from './role.ts'

export const jwtBackend: BackendType = {
  types: ['jwt', 'oidc'],
  class: 'auth',
  create(context): Backend {
    const configs = new JwtConfigs(context)
    const roles = new JwtRoles(context, configs)
    const login = new JwtLogin(context, configs, roles)

    async function renew(request: RenewRequest): Promise<RenewTerms> {
      const record = await roles.load(request.role.name)
      if (record === undefined) {
        throw invalid(`role ${JSON.stringify(request.role.name)} could not be found, not renewing`)
      }
      const isChanged = record.version !== request.role.version
      // An unchanged role said yes to these facts at the login; a changed one is asked again.
      if (isChanged && context.mount().compat !== 'vault') {
        const config = await configs.load()
        const judged = judgeFacts(roles.compiled(record), request.facts, config?.token_audiences ?? [])
        if (!judged.ok) throw invalid(`the token may no longer be renewed: ${judged.error}`)
      }
      return {
        ttlSeconds: record.token_ttl,
        maxTtlSeconds: record.token_max_ttl,
        periodSeconds: record.token_period,
      }
    }

    return {
      paths: [configPath(configs), ...rolePaths(roles), loginPath(login)],
      renew,
      close: async () => configs.close(),
    }
  },
}
