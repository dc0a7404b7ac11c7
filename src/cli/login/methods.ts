/** The ways to log in. Each is loaded when it is asked for. */

import { CommandFailure } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'

const loaders: Readonly<Record<string, () => Promise<LoginMethod>>> = {
  token: async () => (await import('./token.ts')).tokenLogin,
  userpass: async () => (await import('./userpass.ts')).userpassLogin,
  oidc: async () => (await import('./oidc.ts')).oidcLogin,
  jwt: async () => (await import('./jwt.ts')).jwtLogin,
  approle: async () => (await import('./approle.ts')).approleLogin,
  kubernetes: async () => (await import('./kubernetes.ts')).kubernetesLogin,
}

/**
 * Ways that the stock programs lack; under their names nothing answers that they would not
 * (platform.md §10.4).
 */
const ownWays: Readonly<Record<string, { words: string; lackedBy: readonly string[] }>> = {
  jwt: { words: 'role=ROLE jwt=@FILE', lackedBy: ['vault', 'bao'] },
  approle: { words: 'role_id=ID secret_id=@FILE', lackedBy: ['vault', 'bao'] },
  kubernetes: { words: 'role=ROLE jwt=@FILE', lackedBy: ['vault'] },
}

export const loginMethodNames = Object.keys(loaders)

export async function loadLoginMethod(name: string, programName: string): Promise<LoginMethod> {
  const own = Object.hasOwn(ownWays, name) ? ownWays[name] : undefined
  if (own?.lackedBy.includes(programName) === true) {
    const { words } = own
    throw unknownMethod(
      { name, programName },
      `What works is "${programName} write auth/${name}/login ${words}", or "tokenstile login -method=${name} ${words}".`,
    )
  }
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined
  if (load !== undefined) return load()
  throw unknownMethod(
    { name, programName },
    `The methods of this command are ${loginMethodNames.join(', ')}; others are reached with "${programName} write auth/PATH/login".`,
  )
}

function unknownMethod(
  { name, programName }: { readonly name: string; readonly programName: string },
  advice: string,
): CommandFailure {
  return new CommandFailure(
    `Unknown auth method: ${name}. Use "${programName} auth list" to see the complete list of auth methods. ${advice}`,
  )
}
