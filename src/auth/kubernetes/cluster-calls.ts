/**
 * What the API server of a cluster is asked: whether a token is alive and whose it is
 * (TokenReview), and which labels a namespace has. Both with bounds: strangers can cause them.
 */

import {
  encodeJson,
  isJsonObject,
  member,
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { readCaBundle } from '../../oidc/ca-bundle.ts'
import {
  serviceAccountCaPath,
  serviceAccountTokenPath,
  type ClusterFiles,
} from '../../oidc/kubernetes.ts'
import { OutboundProblem, type Outbound, type OutboundRequest } from '../../platform/outbound.ts'
import { unreadableCa, type ConfigRecord } from './config.ts'
import { audiencesOf, userNameOf, type ServiceAccount } from './service-account.ts'

const timeoutMs = 10_000
const bodyBytesMax = 262_144

export interface ClusterProblem {
  /** The cluster said no, or could not be asked. */
  readonly reason: 'token_review_refused' | 'token_review_failed'
  /** For the log: nothing of the answer's body stands in it. */
  readonly detail: string
}

export interface Reviewed {
  readonly jwt: string
  readonly account: ServiceAccount
  /** At least one of them has to be confirmed; none for a token of the old kind. */
  readonly audiences: readonly string[]
}

export class ClusterCalls {
  readonly #outbound: Outbound
  readonly #files: ClusterFiles

  constructor(outbound: Outbound, files: ClusterFiles) {
    this.#outbound = outbound
    this.#files = files
  }

  /** Whether the cluster vouches for the token and for whose it says it is. */
  async review(
    config: ConfigRecord,
    { jwt, account, audiences }: Reviewed,
  ): Promise<Result<undefined, ClusterProblem>> {
    const body = encodeJson({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: jwt, ...(audiences.length === 0 ? {} : { audiences }) },
    })
    const path = '/apis/authentication.k8s.io/v1/tokenreviews'
    const answer = await this.#call(config, jwt, { method: 'POST', path, body })
    if (!answer.ok) return answer
    const status = objectAt(answer.value, 'status')
    if (member(status, 'authenticated') !== true) return refused('the token is not authenticated')
    if (!overlaps(audiences, audiencesOf(member(status, 'audiences')))) {
      return refused('the token is for none of the audiences')
    }
    const user = objectAt(status, 'user')
    const isSame =
      member(user, 'username') === userNameOf(account) && member(user, 'uid') === account.uid
    return isSame ? ok(undefined) : refused('the token is of another account than it says')
  }

  async labelsOf(
    config: ConfigRecord,
    { jwt, account }: Reviewed,
  ): Promise<Result<JsonObject, ClusterProblem>> {
    const path = `/api/v1/namespaces/${encodeURIComponent(account.namespace)}`
    const answer = await this.#call(config, jwt, { method: 'GET', path })
    return answer.ok ? ok(objectAt(objectAt(answer.value, 'metadata'), 'labels')) : answer
  }

  async #call(
    config: ConfigRecord,
    loginJwt: string,
    { path, ...asked }: Pick<OutboundRequest, 'method' | 'body'> & { readonly path: string },
  ): Promise<Result<JsonObject, ClusterProblem>> {
    const { caPem, token } = await this.#access(config)
    // Never by the certificates of everybody in place of those that were meant.
    if (!readCaBundle(caPem).isReadable) return failed(unreadableCa)
    try {
      const { status, body } = await this.#outbound.send({
        ...asked,
        url: config.kubernetes_host + path,
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          authorization: `Bearer ${token === '' ? loginJwt : token}`,
        },
        caPem,
        acceptedServerNames: [],
        toleratedCriticalExtensions: [],
        timeoutMs,
        bodyBytesMax,
      })
      // The token that logs in asked about itself.
      if (status === 401 && token === '') return refused('the API server does not know the token')
      if (status !== 200 && status !== 201) return failed(`the API server answered ${status}`)
      const parsed = parseJson(body, requestJsonLimits)
      return parsed.ok && isJsonObject(parsed.value)
        ? ok(parsed.value)
        : failed('the API server answered with something that is no JSON object')
    } catch (problem) {
      if (problem instanceof OutboundProblem) return failed(`the API server: ${problem.message}`)
      throw problem
    }
  }

  /** Files of the pod are replaced while it runs: read anew for each call. */
  async #access(config: ConfigRecord): Promise<{ readonly caPem: string; readonly token: string }> {
    const { kubernetes_ca_cert: ca, token_reviewer_jwt: reviewer } = config
    if (config.disable_local_ca_jwt) return { caPem: ca, token: reviewer }
    const local = ca === '' ? await this.#read(serviceAccountCaPath) : ca
    return {
      caPem: ca === '' && !readCaBundle(local).isReadable ? '' : local,
      token: reviewer === '' ? (await this.#read(serviceAccountTokenPath)).trim() : reviewer,
    }
  }

  async #read(path: string): Promise<string> {
    try {
      return await this.#files.readText(path)
    } catch {
      // The server runs in no pod.
      return ''
    }
  }
}

function overlaps(wanted: readonly string[], confirmed: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((audience) => confirmed.includes(audience))
}

function objectAt(members: JsonObject, name: string): JsonObject {
  const value: JsonValue | undefined = member(members, name)
  return isJsonObject(value) ? value : {}
}

function refused(detail: string): Result<never, ClusterProblem> {
  return err({ reason: 'token_review_refused', detail })
}

function failed(detail: string): Result<never, ClusterProblem> {
  return err({ reason: 'token_review_failed', detail })
}
