/** Checks of a login that need nothing of the token: mount, role, network (contract jwt-oidc.md §3.2, 1 to 6). */

import type { JwtLoginInput } from './decision.ts'
import type { CompiledRole } from './role-rules.ts'
import { quote } from './shown-value.ts'
import { isSourceAllowed } from './source-address.ts'
import type { Trace } from './trace.ts'

type RequestCheck = (trace: Trace, input: JwtLoginInput) => void

const inOrder: readonly RequestCheck[] = [
  checkConfig,
  checkRoleName,
  checkRole,
  checkRoleType,
  checkTokenPresent,
  checkSource,
]

export function checkRequest(trace: Trace, input: JwtLoginInput): void {
  for (const check of inOrder) {
    check(trace, input)
    if (trace.isOver) return
  }
}

function checkConfig(trace: Trace, input: JwtLoginInput): void {
  if (input.config.configured) trace.pass('config', () => ({ got: input.mountPath }))
  else trace.fail('config', { reason: 'config_missing', text: 'could not load configuration' })
}

function checkRoleName(trace: Trace, input: JwtLoginInput): void {
  if (roleName(input) !== '') trace.pass('role_name', () => ({ got: roleName(input) }))
  else trace.fail('role_name', { reason: 'role_missing', text: 'missing role' })
}

function checkRole(trace: Trace, input: JwtLoginInput): void {
  const name = roleName(input)
  if (input.role !== undefined) trace.pass('role')
  else if (name !== '') {
    trace.fail('role', { reason: 'role_unknown', text: `role ${quote(name)} could not be found` })
  }
}

function checkRoleType(trace: Trace, input: JwtLoginInput): void {
  if (input.role === undefined) return
  if (input.role.rules.role_type === 'jwt') trace.pass('role_type')
  else {
    trace.fail('role_type', {
      reason: 'role_type_mismatch',
      text: 'role with oidc role_type is not allowed',
    })
  }
}

function checkTokenPresent(trace: Trace, { token }: JwtLoginInput): void {
  const isMissing =
    token === undefined || ('ok' in token && !token.ok && token.error.reason === 'jwt_missing')
  if (isMissing) trace.fail('token', { reason: 'jwt_missing', text: 'missing token' })
  else trace.pass('token')
}

/** A role of the browser flow, for a sign-in that went through it. */
export function checkRoleOfSignIn(trace: Trace, role: CompiledRole): void {
  if (role.rules.role_type === 'oidc') trace.pass('role_type')
  else {
    trace.fail('role_type', {
      reason: 'role_type_mismatch',
      text: 'role with jwt role_type is not allowed',
    })
  }
}

export function checkSource(
  trace: Trace,
  { role, sourceAddress }: Pick<JwtLoginInput, 'role' | 'sourceAddress'>,
): void {
  if (role === undefined || !role.source.restricted) return
  const facts = {
    ...(sourceAddress === undefined ? {} : { got: sourceAddress }),
    ...(role.source.anyKnown ? {} : { expected: { any_of: role.rules.token_bound_cidrs } }),
  }
  if (isSourceAllowed(role.source, sourceAddress)) trace.pass('source_address', () => facts)
  else {
    // Whoever calls from outside hears the least that is possible.
    const text = 'permission denied'
    trace.fail('source_address', { reason: 'source_address_refused', text, ...facts })
  }
}

function roleName(input: JwtLoginInput): string {
  return input.requestedRole === '' ? input.config.default_role : input.requestedRole
}
