/**
 * Login through a CEL role (jwt-oidc.md §6.4): the token is proven as in every JWT login, and the
 * program of the role says who it is and what they receive.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import type { Login, Reply } from '../../framework/reply.ts'
import { loginRefusal } from '../../framework/role-login.ts'
import type { CelGrant, CelOperation } from '../../trust/cel-program.ts'
import { decideCelLogin, type CelLoginInput, type LoginOutcome } from '../../trust/decide.ts'
import type { CelRoleRecord, CelRoles, CompiledCelRole } from './cel-role.ts'
import { keepIssuer, type Voucher } from './facts.ts'
import { askedBy, loginFields, type JwtLogin, type LoginRequest } from './login.ts'
import { settle } from './settle.ts'

export class CelLogin {
  readonly #login: JwtLogin
  readonly #roles: CelRoles
  readonly #clock: BackendContext['clock']

  constructor(login: JwtLogin, roles: CelRoles, { clock }: Pick<BackendContext, 'clock'>) {
    this.#clock = clock
    this.#login = login
    this.#roles = roles
  }

  async login(request: LoginRequest, operation: CelOperation = 'update'): Promise<Reply> {
    let found: CompiledCelRole | undefined
    const prepared = await this.#login.prepare(askedBy(request), async (name, view) => {
      found = await this.#roles.find(name, view)
      return found === undefined ? undefined : { compiled: found.compiled }
    })
    const asked: CelLoginInput = {
      ...prepared.input,
      program: found?.program,
      message: found?.record.message ?? '',
      operation,
    }
    const settled = await settle(asked, decideCelLogin, {
      answers: { signature: () => this.#login.verify(prepared) },
      clock: this.#clock,
    })
    const { decision, input } = settled
    const note = {
      ...this.#login.note(prepared, settled, found?.program.claims),
      isCel: true,
    }
    if (decision.kind === 'refused') throw loginRefusal(decision.failure, prepared.mount, note)
    const { outcome } = decision
    if (found === undefined || outcome.granted === undefined) {
      throw new Error('a CEL login was accepted without its program')
    }
    const voucher = this.#login.voucherOf(prepared, input)
    const login = loginOf(outcome, outcome.granted, found.record, voucher)
    return { kind: 'login', login: { ...login, note } }
  }
}

function loginOf(
  outcome: LoginOutcome,
  grant: CelGrant,
  { name, version }: CelRoleRecord,
  voucher: Voucher,
): Login {
  const { ttlSeconds, maxTtlSeconds, periodSeconds, explicitMaxTtlSeconds } = grant
  return {
    alias: grant.alias,
    groups: outcome.groups,
    metadata: outcome.metadata,
    displayName: outcome.displayName,
    policies: outcome.tokenPolicies,
    noDefaultPolicy: grant.noDefaultPolicy,
    ttlSeconds,
    maxTtlSeconds,
    periodSeconds,
    explicitMaxTtlSeconds,
    numUses: grant.numUses,
    tokenType: grant.tokenType,
    boundCidrs: outcome.boundCidrs,
    renewable: grant.renewable,
    role: { name, kind: 'cel', version },
    facts: {
      ...keepIssuer(outcome.claims, voucher),
      terms: { ttl: ttlSeconds, max_ttl: maxTtlSeconds, period: periodSeconds },
      ...(grant.internalData === undefined ? {} : { internal_data: grant.internalData }),
    },
  }
}

export function celLoginPath(login: CelLogin): PathDeclaration {
  return definePath({
    pattern: 'cel/login',
    access: 'open',
    isLogin: true,
    summary: 'Trades a JWT for a token, by the program of a CEL role.',
    fields: loginFields,
    operations: {
      write: {
        summary: 'Log in with a JWT through a CEL role.',
        handler: (request) => login.login(request),
      },
    },
  })
}
