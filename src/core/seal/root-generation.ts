/**
 * A root token for whoever holds enough unseal keys (platform.md §2.10): so that the loss or the
 * revocation of the last root token is not final. One operation at a time. The token leaves
 * encrypted with a one-time pad that was told to whoever began, and to nobody else.
 */

import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { randomLetters, type Random } from '../../platform/random.ts'
import { InTurn } from '../in-turn.ts'
import { readPgpKeys, type PgpKey } from './pgp.ts'
import type { SealManager } from './seal-manager.ts'
import { foreignKeys, SealProblem } from './seal-problem.ts'
import { requireNonce, ShareAttempt } from './share-attempt.ts'
import { requireShareText } from './shares.ts'

export interface RootGenerationContext {
  readonly seal: Pick<SealManager, 'shareCounts' | 'areTrue'>
  readonly clock: Clock
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

/** How the token leaves: with a pad that was told, or to the key of a person. */
type Envelope = { readonly otp: string } | { readonly person: PgpKey }

interface Running {
  readonly envelope: Envelope
  readonly given: ShareAttempt
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

  /** Gives the one-time pad, this once; for a person's key there is none. Throws SealProblem. */
  start(pgpKey = ''): Promise<RootGenerationStatus> {
    return this.#turn.run(async () => {
      if (this.#running !== undefined) {
        throw new SealProblem('root generation already in progress')
      }
      const { clock, random, tokenChars } = this.#context
      // Refuses where nobody has shares, before anything is begun.
      await this.#context.seal.shareCounts()
      const texts = pgpKey === '' ? [] : [pgpKey]
      const [person] = await readPgpKeys('pgp_key', texts, clock.nowMs())
      const otp = person === undefined ? randomLetters(random, tokenChars) : ''
      const envelope = person === undefined ? { otp } : { person }
      this.#running = { envelope, given: new ShareAttempt(random.uuid()) }
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
    running.given.take(key, shares)
    if (running.given.progress < threshold) return this.#status(running)
    if (!(await seal.areTrue(running.given.shares))) {
      running.given.end()
      throw foreignKeys()
    }
    this.#end()
    const token = await makeToken()
    logger.log('warn', 'made a root token for holders of unseal keys')
    const encoded = await put(token, running.envelope)
    return {
      ...(await this.#status(running)),
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
      pgp_fingerprint:
        running !== undefined && 'person' in running.envelope
          ? running.envelope.person.fingerprint
          : '',
      otp: '',
      otp_length: tokenChars,
    }
  }

  #end(): void {
    this.#running?.given.end()
    this.#running = undefined
  }
}

async function put(token: string, envelope: Envelope): Promise<string> {
  if ('otp' in envelope) return encodeWithPad(token, envelope.otp)
  return (await envelope.person.encrypt(Buffer.from(token))).toString('base64')
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
