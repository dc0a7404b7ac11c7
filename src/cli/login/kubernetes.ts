/** Login of a pod with its service account token, which lies where the cluster writes it. */

import { objectOf } from '../../client/secret.ts'
import { serviceAccountTokenPath } from '../../oidc/kubernetes.ts'
import { CommandFailure } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'
import { sendLogin } from './send-login.ts'

export const kubernetesLogin: LoginMethod = {
  description: "With a service account token. Without one on the line the pod's own is read.",
  parameters: [
    { name: 'role', help: 'The role.' },
    { name: 'jwt', help: `The token: @file, or -. Default: @${serviceAccountTokenPath}.` },
  ],
  example: 'login -method=kubernetes role=app jwt=@/var/run/secrets/tokens/tokens.jwt',
  async authenticate({ context, mount, words }) {
    const role = words.get('role') ?? ''
    if (role === '') throw new CommandFailure("'role' must be specified")
    const given = words.get('jwt') ?? (await context.readFile(serviceAccountTokenPath)) ?? ''
    const jwt = given.trim()
    if (jwt === '') {
      throw new CommandFailure(
        `There is no token at ${serviceAccountTokenPath}: this is no pod. Give it with jwt=@FILE.`,
      )
    }
    return sendLogin(
      context,
      `auth/${mount}/login`,
      objectOf([
        ['role', role],
        ['jwt', jwt],
      ]),
    )
  },
}
