/**
 * Concurrent logins, child tokens, renewals, revocations, secrets and administration against a running server, with a ledger of all that
 * was acknowledged. The ledger outlives the server; `findLosses` compares it with the next one.
 */

import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JwtMaker } from '../harness/jwt-maker.ts'

/** Parsed answers are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

export interface Answer {
  readonly status: number
  readonly body: Body
}

/** `revoking`: asked for and never acknowledged; it may have happened. */
type TokenState = 'live' | 'revoking' | 'revoked'

interface KnownToken {
  readonly text: string
  readonly accessor: string
  /** Path that a revocation by prefix names. */
  readonly path: string
  readonly children: KnownToken[]
  state: TokenState
}

interface KnownSecret {
  version: number
  value: string
  /** Sent and never acknowledged. */
  pending: string | undefined
}

export class Ledger {
  readonly tokens: KnownToken[] = []
  readonly secrets = new Map<string, KnownSecret>()
  readonly entities = new Map<string, string>()
  readonly policies = new Map<string, string>()
  /** What no server may do, in words. */
  readonly problems: string[] = []
  acknowledged = 0
}

const workersOfEachKind = 4
const checksAtOnce = 12

export class LoadClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 })
  readonly #url: URL

  constructor(url: string) {
    this.#url = new URL(url)
  }

  /** Undefined when the connection broke: nothing was acknowledged. */
  call(method: string, path: string, token?: string, body?: object): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const payload = body === undefined ? '' : JSON.stringify(body)
      const request = httpRequest(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          agent: this.#agent,
          method,
          path: `/v1/${path}`,
          headers: {
            'Content-Length': Buffer.byteLength(payload),
            ...(token === undefined ? {} : { 'X-Vault-Token': token }),
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => (text += part))
          response.on('error', () => resolve(undefined))
          response.on('aborted', () => resolve(undefined))
          response.on('end', () => {
            const parsed: unknown = text === '' ? undefined : JSON.parse(text)
            resolve({ status: response.statusCode ?? 0, body: parsed })
          })
        },
      )
      request.on('error', () => resolve(undefined))
      request.end(payload)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

export interface LoadOptions {
  readonly url: string
  readonly rootToken: string
  readonly keys: JwtMaker
  readonly ledger: Ledger
  /** Tells the rounds apart in names. */
  readonly round: number
  /** Statuses that a refusal may have while the server is going down. */
  readonly goingDown: readonly number[]
  /** Whoever loses a connection asks again: only a part of the server goes down at a time. */
  readonly goesOn?: boolean
}

/** Runs until `stop`, or until the server is gone. */
export class Load {
  readonly #options: LoadOptions
  readonly #client: LoadClient
  readonly #done: Promise<unknown>
  #stopped = false
  #isDown = false

  constructor(options: LoadOptions) {
    this.#options = options
    this.#client = new LoadClient(options.url)
    const work: Promise<void>[] = [this.#loop(() => this.#revokePrefix())]
    work.push(this.#loop(() => this.#administer()))
    for (let i = 0; i < workersOfEachKind; i++) {
      work.push(this.#loop(() => this.#logIn(i)))
      work.push(this.#loop(() => this.#writeSecret(i)))
    }
    work.push(this.#loop(() => this.#revokeOne()))
    work.push(this.#loop(() => this.#renewOne()))
    this.#done = Promise.all(work)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
    this.#client.close()
  }

  /** From now on a broken connection is no problem. */
  expectDown(): void {
    this.#isDown = true
  }

  async #loop(work: () => Promise<boolean>): Promise<void> {
    while (!this.#stopped) {
      if (await work()) this.#options.ledger.acknowledged++
      else if (this.#options.goesOn === true) await aMoment()
      else return
    }
  }

  /** An acknowledgement, or undefined when the server is going down. */
  async #ask(
    method: string,
    path: string,
    token?: string,
    body?: object,
  ): Promise<Answer | undefined> {
    const answer = await this.#client.call(method, path, token, body)
    const { ledger, goingDown } = this.#options
    if (answer === undefined) {
      if (!this.#isDown) ledger.problems.push(`${method} ${path}: the connection broke`)
      return undefined
    }
    if (answer.status < 300) return answer
    if (!this.#isDown || !goingDown.includes(answer.status)) {
      ledger.problems.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    return undefined
  }

  async #logInAt(mount: string, subject: string): Promise<KnownToken | undefined> {
    const { keys, ledger } = this.#options
    const jwt = keys.sign({ iss: 'https://iss/', sub: subject, aud: 'vault' })
    const answer = await this.#ask('POST', `auth/${mount}/login`, undefined, { role: 'r', jwt })
    if (answer === undefined) return undefined
    const name = `${mount}/${subject}`
    const entity: string = answer.body.auth.entity_id
    const known = ledger.entities.get(name) ?? entity
    ledger.entities.set(name, known)
    if (known !== entity) ledger.problems.push(`${name} has a second entity`)
    return this.#remember(answer, `auth/${mount}/login`)
  }

  #remember({ body }: Answer, path: string, parent?: KnownToken): KnownToken {
    const token: KnownToken = {
      text: body.auth.client_token,
      accessor: body.auth.accessor,
      path,
      children: [],
      // Its parent may have been ended while it was made.
      state: parent?.state ?? 'live',
    }
    parent?.children.push(token)
    this.#options.ledger.tokens.push(token)
    return token
  }

  async #logIn(worker: number): Promise<boolean> {
    const subject = `user-${worker}-${Math.floor(Math.random() * 5)}`
    const token = await this.#logInAt('jwt', subject)
    if (token === undefined) return false
    if (Math.random() < 0.3) {
      await this.#client.call('POST', 'cubbyhole/mine', token.text, { v: 'mine' })
    }
    if (Math.random() < 0.6) return true
    const body = { ttl: '1h' }
    const answer = await this.#client.call('POST', 'auth/token/create', token.text, body)
    if (answer?.status === 200) this.#remember(answer, 'auth/token/create', token)
    // Somebody else may have revoked the parent by now.
    return answer !== undefined && (answer.status === 200 || answer.status === 403)
  }

  async #revokeOne(): Promise<boolean> {
    const { tokens } = this.#options.ledger
    const token =
      tokens[tokens.length - 1 - Math.floor(Math.random() * Math.min(tokens.length, 50))]
    // Its own end may be on its way through the end of its parent.
    if (token?.state !== 'live') return aMoment()
    mark(token, 'revoking')
    const root = this.#options.rootToken
    const way = Math.floor(Math.random() * 3)
    const answer =
      way === 0
        ? await this.#ask('POST', 'auth/token/revoke', root, { token: token.text })
        : way === 1
          ? await this.#ask('POST', 'auth/token/revoke-accessor', root, {
              accessor: token.accessor,
            })
          : await this.#ask('POST', 'auth/token/revoke-self', token.text)
    if (answer === undefined) return false
    mark(token, 'revoked')
    return true
  }

  async #revokePrefix(): Promise<boolean> {
    for (let i = 0; i < 4; i++) {
      if ((await this.#logInAt('short', `brief-${i}`)) === undefined) return false
    }
    const { tokens } = this.#options.ledger
    const made = tokens.filter((token) => token.path === 'auth/short/login')
    for (const token of made) mark(token, 'revoking')
    const path = 'sys/leases/revoke-prefix/auth/short/login'
    const answer = await this.#ask('POST', path, this.#options.rootToken)
    if (answer === undefined) return false
    for (const token of made) mark(token, 'revoked')
    return true
  }

  /** Moves the token's row in the index of expiry. */
  async #renewOne(): Promise<boolean> {
    const { tokens } = this.#options.ledger
    const token = tokens[Math.floor(Math.random() * tokens.length)]
    if (token?.state !== 'live') return aMoment()
    const increment = 3000 + Math.floor(Math.random() * 1000)
    const answer = await this.#client.call('POST', 'auth/token/renew-self', token.text, {
      increment,
    })
    return answer !== undefined && (answer.status === 200 || answer.status === 403)
  }

  readonly #unanswered = new Map<number, number>()

  async #writeSecret(worker: number): Promise<boolean> {
    const { ledger, rootToken, round } = this.#options
    // After one of which nobody knows whether it is there, others are written.
    const series = this.#unanswered.get(worker) ?? 0
    const path = `w${worker}/${series}/k${Math.floor(Math.random() * 4)}`
    const known = ledger.secrets.get(path) ?? { version: 0, value: '', pending: undefined }
    ledger.secrets.set(path, known)
    const value = `${round}-${Math.random()}`
    known.pending = value
    const answer = await this.#ask('POST', `secret/data/${path}`, rootToken, { data: { value } })
    if (answer === undefined) {
      this.#unanswered.set(worker, series + 1)
      return false
    }
    const version: number = answer.body.data.version
    if (version !== known.version + 1) {
      ledger.problems.push(`${path}: version ${version} after ${known.version}`)
    }
    Object.assign(known, { version, value, pending: undefined })
    return true
  }

  #administered = 0

  async #administer(): Promise<boolean> {
    const { rootToken, ledger, round } = this.#options
    const step = this.#administered++
    if (step % 20 === 0 && (await this.#ask('POST', 'sys/rotate', rootToken)) === undefined) {
      return false
    }
    const name = `p${step % 5}`
    const policy = `path "round/${round}/${step}" { capabilities = ["read"] }`
    // Either text is right until the answer is there.
    ledger.policies.delete(name)
    const body = { policy }
    if ((await this.#ask('POST', `sys/policies/acl/${name}`, rootToken, body)) === undefined) {
      return false
    }
    ledger.policies.set(name, policy)
    const mounted = `sys/mounts/extra-${round}-${step}`
    if ((await this.#ask('POST', mounted, rootToken, { type: 'kv' })) === undefined) return false
    return (await this.#ask('DELETE', mounted, rootToken)) !== undefined
  }
}

/** Lets the others go on when there is nothing to do. */
async function aMoment(): Promise<true> {
  await sleep(1)
  return true
}

/** The end of a token is the end of all below it. */
function mark(token: KnownToken, state: TokenState): void {
  if (token.state === 'revoked') return
  token.state = state
  for (const child of token.children) mark(child, state)
}

export interface CheckOptions {
  readonly url: string
  readonly rootToken: string
  readonly ledger: Ledger
  /** Tokens before this one are only sampled. */
  readonly tokensFrom: number
}

const olderSampled = 60

/** What was acknowledged and is not so, in words. What was left open is settled in the ledger: it must stay so. */
export async function findLosses(options: CheckOptions): Promise<readonly string[]> {
  const client = new LoadClient(options.url)
  const { ledger, rootToken, tokensFrom } = options
  const losses: string[] = []
  const older = Array.from(
    { length: Math.min(olderSampled, tokensFrom) },
    () => ledger.tokens[Math.floor(Math.random() * tokensFrom)],
  )
  const queue = [...older, ...ledger.tokens.slice(tokensFrom)].flatMap((token) => token ?? [])
  const checkTokens = async (): Promise<void> => {
    for (let token = queue.pop(); token !== undefined; token = queue.pop()) {
      const answer = await client.call('GET', 'auth/token/lookup-self', token.text)
      const isAlive = answer?.status === 200
      if (!isAlive && answer?.status !== 403) losses.push(`a lookup gave ${answer?.status}`)
      if (token.state === 'live' && !isAlive) losses.push('an acknowledged token is gone')
      if (token.state === 'revoked' && isAlive) losses.push('a revoked token lives')
      if (isAlive && answer.body.data.accessor !== token.accessor) losses.push('another accessor')
      if (token.state === 'revoking') {
        if (isAlive) token.state = 'live'
        else mark(token, 'revoked')
      }
    }
  }
  await Promise.all(Array.from({ length: checksAtOnce }, checkTokens))
  for (const [path, known] of ledger.secrets) {
    const answer = await client.call('GET', `secret/data/${path}`, rootToken)
    const found = answer?.status === 404 ? 'nothing' : answer?.body.data.data.value
    const version = answer?.status === 404 ? 0 : answer?.body.data.metadata.version
    if (version === known.version + 1 && known.pending !== undefined && found === known.pending) {
      Object.assign(known, { version, value: found, pending: undefined })
    } else if (version !== known.version || (version > 0 && found !== known.value)) {
      losses.push(`${path}: version ${version} is not ${known.version}`)
    }
    known.pending = undefined
  }
  for (const [name, text] of ledger.policies) {
    const answer = await client.call('GET', `sys/policies/acl/${name}`, rootToken)
    if (answer?.body.data?.policy !== text) losses.push(`policy ${name} is another one`)
  }
  client.close()
  return losses
}
