/**
 * A stand-in for a cluster: the two endpoints of an API server that the kubernetes method asks, over HTTPS under a CA of its own, and the
 * issuer of its service account tokens. It checks who asks, as the real one does, and every answer can be replaced.
 */

import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificate, type Certificate } from '../http/self-signed.ts'
import { makeJwtMaker, type JwtMaker } from '../harness/jwt-maker.ts'

export interface Account {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

interface ReviewSpec {
  readonly token: string
  readonly audiences?: readonly string[]
}

export interface Asked {
  readonly path: string
  readonly bearer: string
  readonly spec: ReviewSpec | undefined
}

interface Answer {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Never given. */
  readonly hangs?: true
}

export const apiAudience = 'https://kubernetes.default.svc'

export class Cluster {
  readonly key: JwtMaker = makeJwtMaker('cluster-key')
  readonly reviewer = 'reviewer-token'
  readonly asked: Asked[] = []
  /** Replaces the answer of a path that ends in this text. */
  readonly answers = new Map<string, Answer>()
  /** Labels of its namespaces. */
  readonly labels: Record<string, Record<string, string>> = {}
  readonly #ca: Certificate = makeCertificate({ commonName: 'cluster', isAuthority: true })
  /** Live tokens. */
  readonly #tokens = new Map<
    string,
    { readonly account: Account; readonly aud: readonly string[] }
  >()
  readonly #server: Server
  #url = ''

  constructor() {
    const { certificate, key } = makeCertificate({
      commonName: 'api',
      altNames: ['127.0.0.1'],
      issuer: this.#ca,
    })
    this.#server = createServer({ cert: certificate, key }, (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const path = request.url ?? ''
        const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '')
        const text = Buffer.concat(chunks).toString()
        const spec = text === '' ? undefined : (JSON.parse(text) as { spec: ReviewSpec }).spec
        this.asked.push({ path, bearer, spec })
        const replaced = [...this.answers].find(([end]) => path.endsWith(end))?.[1]
        if (replaced?.hangs === true) return
        const {
          status = 200,
          body,
          headers = {},
        } = replaced ?? this.#answer({ path, bearer, spec })
        response.writeHead(status, { 'content-type': 'application/json', ...headers })
        response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}))
      })
    })
  }

  get url(): string {
    return this.#url
  }

  get caPem(): string {
    return this.#ca.certificate
  }

  get config(): object {
    const kubernetes_ca_cert = this.caPem
    return { kubernetes_host: this.#url, kubernetes_ca_cert, token_reviewer_jwt: this.reviewer }
  }

  get reviews(): readonly Asked[] {
    return this.asked.filter(({ path }) => path.endsWith('/tokenreviews'))
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#url = `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  /** A token of a pod that runs under that account. */
  tokenOf(account: Account, aud: readonly string[] = [apiAudience], more: object = {}): string {
    const { namespace, name, uid } = account
    const token = this.key.sign({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: `system:serviceaccount:${namespace}:${name}`,
      aud,
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
      ...more,
    })
    this.#tokens.set(token, { account, aud })
    return token
  }

  /** A token that lay in a secret, as old clusters have them: without an audience. */
  oldTokenOf(account: Account): string {
    const { namespace, name, uid } = account
    const token = this.key.sign({
      iss: 'kubernetes/serviceaccount',
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': `${name}-token`,
      'kubernetes.io/serviceaccount/service-account.name': name,
      'kubernetes.io/serviceaccount/service-account.uid': uid,
    })
    this.#tokens.set(token, { account, aud: [apiAudience] })
    return token
  }

  /** The pod is gone. */
  forget(token: string): void {
    this.#tokens.delete(token)
  }

  #answer({ path, bearer, spec }: Asked): Answer {
    if (path === '/.well-known/openid-configuration') {
      return { body: { issuer: this.#url, jwks_uri: `${this.#url}/openid/v1/jwks` } }
    }
    if (path === '/openid/v1/jwks') return { body: { keys: [this.key.jwk] } }
    if (bearer !== this.reviewer && !this.#tokens.has(bearer)) {
      return { status: 401, body: { kind: 'Status', message: 'Unauthorized' } }
    }
    if (path === '/apis/authentication.k8s.io/v1/tokenreviews') {
      return { status: 201, body: { kind: 'TokenReview', status: this.#review(spec) } }
    }
    const namespace = /^\/api\/v1\/namespaces\/([a-z0-9-]+)$/.exec(path)?.[1] ?? ''
    const labels = this.labels[namespace]
    return labels === undefined
      ? { status: 404, body: { kind: 'Status' } }
      : { body: { kind: 'Namespace', metadata: { name: namespace, labels } } }
  }

  #review(spec: ReviewSpec | undefined): object {
    const known = this.#tokens.get(spec?.token ?? '')
    const wanted = spec?.audiences ?? [apiAudience]
    const audiences = known?.aud.filter((one) => wanted.includes(one)) ?? []
    if (known === undefined || audiences.length === 0) {
      return { authenticated: false, error: 'invalid bearer token' }
    }
    const { namespace, name, uid } = known.account
    const username = `system:serviceaccount:${namespace}:${name}`
    return { authenticated: true, user: { username, uid, groups: [] }, audiences }
  }
}
