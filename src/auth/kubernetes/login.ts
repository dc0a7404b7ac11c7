/**
 * Login of a pod with its service account token (platform.md §6.4), and renewal. What the token
 * alone refuses is refused before the cluster is asked; nothing of it counts before the cluster
 * has vouched for it.
 */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, type Refusal } from '../../framework/refusal.ts'
import type { Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import {
  busyRefusal,
  loginOf,
  mayComeFrom,
  refusalOf,
  renewedBy,
  roleGone,
  sourceRefusal,
  type RefusedAttempt,
} from '../../framework/role-login.ts'
import { allAlgorithms } from '../../jose/algorithms.ts'
import { parseCompactJwt, type ParsedJwt } from '../../jose/compact-jwt.ts'
import { verifyWithStaticKeys } from '../../jose/verify.ts'
import { member } from '../../lib/json.ts'
import { field, type Input } from '../../schema/field.ts'
import type { Reason } from '../../trust/reasons.ts'
import type { ClusterCalls, ClusterProblem, Reviewed } from './cluster-calls.ts'
import type { ClusterConfigs, ConfigRecord } from './config.ts'
import { parseLabelSelector, selectorMatches } from './label-selector.ts'
import { ReviewBudget, type ReviewOutcome } from './review-budget.ts'
import { isBound, roleNameField, type ClusterRoles, type RoleRecord } from './roles.ts'
import { audiencesOf, serviceAccountOf, type ServiceAccount } from './service-account.ts'

/** Above what a JWT may have, so that a longer one is refused for that very reason. */
const jwtCharsMax = 524_288

const loginFields = {
  role: roleNameField,
  jwt: field.string({
    help: 'The service account token.',
    secret: true,
    charsMax: jwtCharsMax,
  }),
} as const

type LoginRequest = BackendRequest<Input<typeof loginFields>>

/** Of clusters that name none in the configuration. */
const issuerDefault = 'kubernetes/serviceaccount'

/** The API server judges to the second; here only what is long over costs it no question. */
const expiredLeewaySeconds = 60

interface Parts {
  readonly configs: ClusterConfigs
  readonly roles: ClusterRoles
  readonly calls: ClusterCalls
}

/** A login as it is known before the cluster is asked. */
interface Candidate extends Reviewed {
  readonly role: RoleRecord
  readonly config: ConfigRecord
  readonly attempt: RefusedAttempt
}

export class ClusterLogin {
  readonly #context: BackendContext
  readonly #parts: Parts
  readonly #budget: ReviewBudget

  constructor(context: BackendContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
    this.#budget = new ReviewBudget(context.clock, context.processes)
  }

  async login(request: LoginRequest): Promise<Reply> {
    const candidate = await this.#candidate(request)
    await this.#requireVouched(request, candidate)
    return this.#proven(request, candidate)
  }

  // ------------------------------------------------------------ without the cluster

  async #candidate(request: LoginRequest): Promise<Candidate> {
    const { role: roleName = '', jwt: text = '' } = request.input
    const jwt = text.trim()
    const attempt = this.#attempt(request, roleName)
    if (roleName === '') throw refusalOf({ reason: 'role_missing', text: 'missing role' }, attempt)
    if (jwt === '') throw refusalOf({ reason: 'jwt_missing', text: 'missing jwt' }, attempt)
    const { role, config } = await this.#context.store.view(async (view) => ({
      role: await this.#parts.roles.load(roleName, view),
      config: await this.#parts.configs.load(view),
    }))
    if (role === undefined) {
      const shown = JSON.stringify(roleName)
      throw refusalOf({ reason: 'role_unknown', text: `invalid role name ${shown}` }, attempt)
    }
    if (!mayComeFrom(role, request.clientAddress)) throw sourceRefusal(attempt)
    if (config === undefined) {
      const text = 'could not load backend configuration'
      throw refusalOf({ reason: 'config_missing', text }, attempt)
    }
    const token = this.#readToken(jwt, config, attempt)
    const account = this.#accountOf(token, role, attempt)
    const audiences = role.audience === '' ? audiencesOf(token.claims['aud']) : [role.audience]
    return { role, config, jwt, account, audiences, attempt }
  }

  #readToken(jwt: string, config: ConfigRecord, attempt: RefusedAttempt): ParsedJwt {
    const parsed = parseCompactJwt(jwt, allAlgorithms)
    if (!parsed.ok) throw denied(parsed.error.reason, attempt)
    const keys = this.#parts.configs.keysOf(config)
    const verified = keys.length === 0 ? undefined : verifyWithStaticKeys(parsed.value, keys)
    if (verified?.ok === false) throw denied(verified.error, attempt)
    const { claims } = parsed.value
    const issuer = config.issuer === '' ? issuerDefault : config.issuer
    if (!config.disable_iss_validation && member(claims, 'iss') !== issuer) {
      throw denied('issuer_mismatch', attempt)
    }
    const exp = member(claims, 'exp')
    const nowSeconds = this.#context.clock.nowMs() / 1000
    if (typeof exp === 'number' && exp + expiredLeewaySeconds < nowSeconds) {
      throw denied('expired', attempt)
    }
    return parsed.value
  }

  #accountOf({ claims }: ParsedJwt, role: RoleRecord, attempt: RefusedAttempt): ServiceAccount {
    const { audience } = role
    if (audience !== '' && !audiencesOf(claims['aud']).includes(audience)) {
      throw denied('audience_mismatch', attempt)
    }
    const account = serviceAccountOf(claims)
    if (account === undefined) throw denied('claim_missing', attempt)
    if (!isBound(role.bound_service_account_names, account.name)) {
      throw notAuthorized('service_account_refused', attempt)
    }
    const mayMatch = role.bound_service_account_namespace_selector !== ''
    if (!mayMatch && !isBound(role.bound_service_account_namespaces, account.namespace)) {
      throw notAuthorized('namespace_refused', attempt)
    }
    return account
  }

  // ------------------------------------------------------------ with it

  async #requireVouched({ clientAddress }: LoginRequest, candidate: Candidate): Promise<void> {
    const { config, attempt } = candidate
    const admitted = this.#budget.enter(clientAddress)
    if (admitted === undefined) {
      const text = 'too many logins wait for the API server of the cluster, or were refused by it'
      throw busyRefusal(text, attempt)
    }
    let outcome: ReviewOutcome = 'unanswered'
    try {
      const reviewed = await this.#parts.calls.review(config, candidate)
      if (!reviewed.ok) {
        if (reviewed.error.reason === 'token_review_refused') outcome = 'refused'
        throw this.#clusterRefusal(reviewed.error, attempt)
      }
      outcome = 'vouched'
      await this.#requireNamespace(candidate)
    } finally {
      admitted.end(outcome)
    }
  }

  async #requireNamespace(candidate: Candidate): Promise<void> {
    const { role, config, account, attempt } = candidate
    if (isBound(role.bound_service_account_namespaces, account.namespace)) return
    const labels = await this.#parts.calls.labelsOf(config, candidate)
    if (!labels.ok) throw this.#clusterRefusal(labels.error, attempt)
    const selector = parseLabelSelector(role.bound_service_account_namespace_selector)
    if (!selector.ok || !selectorMatches(selector.value, labels.value)) {
      throw notAuthorized('namespace_refused', attempt)
    }
  }

  #clusterRefusal({ reason, detail }: ClusterProblem, attempt: RefusedAttempt): Refusal {
    if (reason === 'token_review_failed') {
      const request_id = attempt.requestId
      const mount = attempt.mount.path
      const fields = { request_id, mount, detail }
      this.#context.logger.log('warn', 'a service account token could not be reviewed', fields)
    }
    return denied(reason, attempt)
  }

  #proven({ clientAddress }: LoginRequest, { role, account, attempt }: Candidate): Reply {
    const { namespace, name, uid, secretName } = account
    const metadata = {
      service_account_uid: uid,
      service_account_name: name,
      service_account_namespace: namespace,
      service_account_secret_name: secretName,
    }
    const isByUid = role.alias_name_source === 'serviceaccount_uid'
    const login = loginOf(role, {
      alias: { name: isByUid ? uid : `${namespace}/${name}`, metadata },
      metadata: { ...metadata, role: role.name },
      displayName: `${namespace}-${name}`,
      clientAddress,
      facts: { namespace, name, selector: role.bound_service_account_namespace_selector },
      note: attempt.note,
    })
    return { kind: 'login', login }
  }

  #attempt({ requestId }: LoginRequest, role: string): RefusedAttempt {
    return { mount: this.#context.mount(), requestId, note: { role } }
  }

  /** The bounds of the role as they are now; the cluster is not asked again. */
  async renew({ role, facts, clientAddress }: RenewRequest): Promise<RenewTerms> {
    const now = await this.#parts.roles.load(role.name)
    if (now === undefined) throw roleGone(role.name)
    // design.md §8: with compat=vault only the role has to be there.
    if (this.#context.mount().compat !== 'vault') {
      const { namespace = '', name = '', selector } = facts
      // Labels were looked at by that selector, and are not looked at again.
      const isSelected =
        selector !== '' && selector === now.bound_service_account_namespace_selector
      const isStillBound =
        isBound(now.bound_service_account_names, String(name)) &&
        (isSelected || isBound(now.bound_service_account_namespaces, String(namespace)))
      if (!isStillBound || !mayComeFrom(now, clientAddress)) {
        throw invalid('the token may no longer be renewed by its role; log in again')
      }
    }
    return renewedBy(now)
  }
}

/** Whatever it was, the text is the same; the reason is in the log, and told as the mount says. */
function denied(reason: Reason, attempt: RefusedAttempt): Refusal {
  return refusalOf({ reason, text: 'permission denied', status: 403 }, attempt)
}

function notAuthorized(
  reason: 'service_account_refused' | 'namespace_refused',
  attempt: RefusedAttempt,
): Refusal {
  const what = reason === 'namespace_refused' ? 'namespace' : 'service account name'
  return refusalOf({ reason, text: `${what} not authorized`, status: 403 }, attempt)
}

export function loginPath(login: ClusterLogin): PathDeclaration {
  return definePath({
    pattern: 'login',
    access: 'open',
    isLogin: true,
    summary: 'Trades a service account token for a token.',
    fields: loginFields,
    repeats: 'refuse',
    operations: {
      write: { summary: 'Log in.', handler: (request) => login.login(request) },
    },
  })
}
