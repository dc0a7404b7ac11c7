/** Which role a login asks for, before anything else is asked about it (jwt-oidc.md §3.9). */

import type { JsonObject } from '../../lib/json.ts'
import { after, type Soon } from '../../lib/soon.ts'
import type { JwtConfigs } from './config.ts'
import { loginFields } from './login.ts'

const loginPaths = new Set(['login', 'cel/login', 'oidc/auth_url'])

/** The role that is named, else the default role; empty is none. */
export function roleOfLogin(configs: JwtConfigs, path: string, data: JsonObject): Soon<string> {
  if (!loginPaths.has(path)) return ''
  const named = loginFields.role.parse(data['role'] ?? null)
  if (named.ok && named.value !== '') return named.value
  return after(configs.loadTrust(), ({ config }) => config?.default_role ?? '')
}
