/**
 * A root token for whoever holds enough unseal keys (platform.md §2.10): so that the loss or the
 * revocation of the last root token is not final. One operation at a time. The token leaves
 * encrypted with a one-time pad that was told to whoever began, and to nobody else.
 */

import type { Logger } from '../../platform/logger.ts'
import { randomLetters, type Random } from '../../platform/random.ts'
import { InTurn } from './in-turn.ts'
import type { SealManager } from './seal-manager.ts'
import { foreignKeys, SealProblem } from './seal-problem.ts'
import { requireNonce, ShareAttempt } from './share-attempt.ts'
import { decodeShare, requireShareText } from './shares.ts'

export interface RootGenerationContext {
  readonly seal: Pick<SealManager, 'shareCounts' | 'areTrue'>
  readonly random: Random
  readonly logger: Logger
  /** Characters of a root token. */
  readonly tokenChars: number
  /** Makes one, durably. */
  readonly makeToken: () => Promise<string>
}

/** The names are those of the wire. */
export interface RootGenerationStatus {
  readonly nonce: string
  readonly started: boolean
  readonly progress: number
  readonly required: number
  readonly complete: boolean
  readonly encoded_token: string
  readonly encoded_root_token: string
  readonly pgp_fingerprint: string
  readonly otp: string
  readonly otp_length: number
}

/** What people do one step after the other. */
export const rootGenerationSteps = ['status', 'start', 'cancel', 'update'] as const
export type RootGenerationSteps = Pick<RootGeneration, (typeof rootGenerationSteps)[number]>

interface Running {
  readonly otp: string
  given: ShareAttempt
}

export class RootGeneration {
  readonly #context: RootGenerationContext
  readonly #turn = new InTurn()
  #running: Running | undefined

  constructor(context: RootGenerationContext) {
    this.#context = context
  }

  status(): Promise<RootGenerationStatus> {
    return this.#turn.run(() => this.#status(this.#running))
  }

  /** Gives the one-time pad, this once. Throws SealProblem. */
  start(): Promise<RootGenerationStatus> {
    return this.#turn.run(async () => {
      if (this.#running !== undefined) {
        throw new SealProblem('root generation already in progress')
      }
      const { random, tokenChars } = this.#context
      // Refuses where nobody has shares, before anything is begun.
      await this.#context.seal.shareCounts()
      const otp = randomLetters(random, tokenChars)
      this.#running = { otp, given: new ShareAttempt(random.uuid()) }
      return { ...(await this.#status(this.#running)), otp }
    })
  }

  /**
   * Ends what is in progress. Whoever shows no right of his own has to name the operation, so that
   * nobody ends another one than he means.
   */
  cancel(nonce: string | undefined): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#running === undefined) return
      if (nonce !== undefined) requireNonce(this.#running.given.nonce, nonce)
      this.#end()
    })
  }

  /** Takes one share. Throws SealProblem. */
  update(key: string, nonce: string): Promise<RootGenerationStatus> {
    return this.#turn.run(() => this.#update(key, nonce))
  }

  /** The server is being sealed: whoever began has to begin again. */
  forget(): void {
    this.#end()
  }

  async #update(key: string, nonce: string): Promise<RootGenerationStatus> {
    const running = this.#running
    requireShareText(key)
    if (running === undefined) throw new SealProblem('no root generation in progress')
    requireNonce(running.given.nonce, nonce)
    const { seal, logger, makeToken } = this.#context
    const { shares, threshold } = await seal.shareCounts()
    const share = decodeShare(key, shares)
    if (share === undefined) throw new SealProblem('the key has the wrong length')
    running.given.add(share)
    if (running.given.progress < threshold) return this.#status(running)
    if (!(await seal.areTrue(running.given.shares))) {
      const { nonce: same } = running.given
      running.given.end()
      running.given = new ShareAttempt(same)
      throw foreignKeys()
    }
    this.#end()
    const token = await makeToken()
    logger.log('warn', 'made a root token for holders of unseal keys')
    const encoded = encodeWithPad(token, running.otp)
    const done = await this.#status(undefined)
    return {
      ...done,
      nonce: running.given.nonce,
      started: true,
      progress: threshold,
      complete: true,
      encoded_token: encoded,
      encoded_root_token: encoded,
    }
  }

  async #status(running: Running | undefined): Promise<RootGenerationStatus> {
    const { seal, tokenChars } = this.#context
    const { threshold } = await seal.shareCounts()
    return {
      nonce: running?.given.nonce ?? '',
      started: running !== undefined,
      progress: running?.given.progress ?? 0,
      required: threshold,
      complete: false,
      encoded_token: '',
      encoded_root_token: '',
      pgp_fingerprint: '',
      otp: '',
      otp_length: tokenChars,
    }
  }

  #end(): void {
    this.#running?.given.end()
    this.#running = undefined
  }
}

/** The token and the pad are equally long; unpadded base64 of what they give together. */
function encodeWithPad(token: string, otp: string): string {
  const bytes = Buffer.from(token)
  const pad = Buffer.from(otp)
  if (bytes.length !== pad.length) throw new Error('the pad is not as long as the token')
  return Buffer.from(bytes.map((byte, place) => byte ^ (pad[place] ?? 0)))
    .toString('base64')
    .replaceAll('=', '')
}
