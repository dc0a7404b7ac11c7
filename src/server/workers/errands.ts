/**
 * What one worker does for all: steps that people take one after the other, such as giving shares,
 * are remembered by the leader alone. The question and its answer hold shares, new keys and
 * one-time pads, so both go in sealed letters.
 */

import { deserialize, serialize } from 'node:v8'
import type { OneOfAll, Steps } from '../../core/one-of-all.ts'
import { SealProblem } from '../../core/seal/seal-problem.ts'
import type { Random } from '../../platform/random.ts'
import { writeLetter, type Letter, type LetterBox } from './letter.ts'
import type { Link } from './link.ts'
import type { ErrandOutcome, OfPrimary } from './questions.ts'

/** The leader may die while an errand is on its way. */
const attemptsMax = 5

interface Errand {
  readonly name: string
  readonly given: readonly unknown[]
}

type Result =
  | { readonly kind: 'gave'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly text: string }

export class Errands {
  readonly #box: LetterBox
  readonly #primary: Link<OfPrimary>
  readonly #random: Random
  readonly #works = new Map<string, (given: readonly never[]) => Promise<unknown>>()
  #leaderKey = ''

  constructor(parts: {
    readonly box: LetterBox
    readonly primary: Link<OfPrimary>
    readonly random: Random
  }) {
    this.#box = parts.box
    this.#primary = parts.primary
    this.#random = parts.random
  }

  get isLeader(): boolean {
    return this.#leaderKey === this.#box.publicKey
  }

  setLeader(publicKey: string): void {
    this.#leaderKey = publicKey
  }

  readonly oneOfAll: OneOfAll = <M extends string, T extends Steps<M>>(
    name: string,
    own: T,
    methods: readonly M[],
  ): Pick<T, M> => {
    const steps = methods.map((method) => {
      const work = (given: readonly never[]): Promise<unknown> => own[method](...given)
      const errand = `${name}.${method}`
      this.#works.set(errand, work)
      const step = (...given: never[]): Promise<unknown> =>
        this.isLeader ? work(given) : this.#send({ name: errand, given })
      return [method, step] as const
    })
    // Each step takes and gives what the method of that name does.
    return Object.fromEntries(steps) as Pick<T, M>
  }

  /** Does what another worker has sent, if this one still leads. */
  async take(letter: Letter, replyTo: string): Promise<ErrandOutcome> {
    const content = this.#box.open('errand', letter)
    if (content === undefined || !this.isLeader) return { kind: 'elsewhere' }
    const { name, given } = read<Errand>(content)
    const result = Buffer.from(serialize(await this.#do(name, given as readonly never[])))
    const answer = writeLetter(replyTo, 'answer', result, this.#random)
    result.fill(0)
    return { kind: 'done', letter: answer }
  }

  async #do(name: string, given: readonly never[]): Promise<Result> {
    const work = this.#works.get(name)
    if (work === undefined) throw new Error('an errand that nobody knows')
    try {
      return { kind: 'gave', value: await work(given) }
    } catch (problem) {
      if (problem instanceof SealProblem) return { kind: 'refused', text: problem.message }
      throw problem
    }
  }

  async #send(errand: Errand): Promise<unknown> {
    const replyTo = this.#box.publicKey
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (this.isLeader) return this.#works.get(errand.name)?.(errand.given as readonly never[])
      const content = Buffer.from(serialize(errand))
      const letter = writeLetter(this.#leaderKey, 'errand', content, this.#random)
      content.fill(0)
      const outcome = await this.#primary.ask('errand', { letter, replyTo })
      if (outcome.kind === 'elsewhere') continue
      const answer = this.#box.open('answer', outcome.letter)
      if (answer === undefined) throw new Error('an answer for another worker')
      const result = read<Result>(answer)
      if (result.kind === 'refused') throw new SealProblem(result.text)
      return result.value
    }
    throw new SealProblem('the workers are changing; try again')
  }
}

/** What `serialize` of this program wrote. Its bytes are those of the content, which so stays. */
function read<T>(content: Buffer): T {
  return deserialize(content) as T
}
