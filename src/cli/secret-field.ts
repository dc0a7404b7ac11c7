/**
 * What `-field=x` means for an answer: names of tokens and wrappings first, then the data.
 * platform.md §9.6.
 */

import { member, type JsonValue } from '../lib/json.ts'
import { textMember, type Secret } from '../client/secret.ts'
import { goTime } from './go-text.ts'

const authNames: Readonly<Record<string, string>> = {
  token: 'client_token',
  token_accessor: 'accessor',
  token_duration: 'lease_duration',
  token_renewable: 'renewable',
  token_policies: 'token_policies',
  identity_policies: 'identity_policies',
  policies: 'policies',
}

const wrapNames: Readonly<Record<string, string>> = {
  wrapping_token: 'token',
  wrapping_accessor: 'accessor',
  wrapping_token_ttl: 'ttl',
  wrapping_token_creation_time: 'creation_time',
  wrapping_token_creation_path: 'creation_path',
  wrapped_accessor: 'wrapped_accessor',
}

export function fieldValue(secret: Secret, name: string): JsonValue | undefined {
  const { auth, data, wrapInfo } = secret
  if (auth !== undefined) {
    if (Object.hasOwn(authNames, name)) {
      const value = member(auth, authNames[name] ?? '')
      // Lists that are empty are left out on the wire; the field exists all the same.
      return value === undefined && name.endsWith('policies') ? [] : value
    }
  } else if (wrapInfo !== undefined) {
    if (name === 'wrapping_token_creation_time')
      return goTime(textMember(wrapInfo, 'creation_time'))
    if (Object.hasOwn(wrapNames, name)) return member(wrapInfo, wrapNames[name] ?? '')
  } else if (name === 'refresh_interval') {
    return secret.leaseDurationSeconds
  } else if (name === 'data' && data !== undefined) {
    return member(data, 'data') ?? data
  }
  return data === undefined ? undefined : member(data, name)
}
