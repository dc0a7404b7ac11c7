/** The kubernetes method: pods with a service account token that their cluster vouches for. */

import type { Backend, BackendType } from '../../framework/backend.ts'
import type { ClusterFiles } from '../../oidc/kubernetes.ts'
import { systemClusterFiles } from '../../platform/cluster-files.ts'
import { ClusterCalls } from './cluster-calls.ts'
import { ClusterConfigs, configPath } from './config.ts'
import { ClusterLogin, loginPath } from './login.ts'
import { ClusterRoles, rolePaths } from './roles.ts'

export function kubernetesBackend(files: ClusterFiles = systemClusterFiles): BackendType {
  return {
    types: ['kubernetes'],
    exactAliases: true,
    class: 'auth',
    create(context): Backend {
      const configs = new ClusterConfigs(context)
      const roles = new ClusterRoles(context)
      const calls = new ClusterCalls(context.outbound, files)
      const login = new ClusterLogin(context, { configs, roles, calls })
      return {
        paths: [configPath(configs), ...rolePaths(roles), loginPath(login)],
        renew: (request) => login.renew(request),
      }
    },
  }
}
