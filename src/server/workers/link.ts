/**
 * Questions and answers over the channel between the first process and one worker. Both ends are
 * this program, so what comes has the shape of what is sent; nothing else can write to the channel.
 */

import type { Channel } from '../../platform/workers.ts'

/** Questions by name, with what is asked and what is answered. */
export type Questions = Readonly<
  Record<string, { readonly asked: object; readonly answer: object | undefined }>
>

export type Answerer<Q extends { readonly [K in keyof Q]: Questions[string] }> = {
  readonly [K in keyof Q]: (asked: Q[K]['asked']) => Promise<Q[K]['answer']>
}

/** The other end has gone, or could not answer. */
export class LinkBroken extends Error {}

/** Requests of many callers may ask at once, each once. */
const openQuestionsMax = 10_000

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (problem: LinkBroken) => void
}

type Message =
  | {
      readonly kind: 'question'
      readonly id: number
      readonly name: string
      readonly asked: object
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer?: unknown }
  | { readonly kind: 'unanswered'; readonly id: number }

/** `Theirs` is what can be asked of the other end. */
export class Link<Theirs extends { readonly [K in keyof Theirs]: Questions[string] }> {
  readonly #channel: Channel
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #isOver = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Answers the other end's questions. What an answer throws stays here, in `onFault`. */
  serve<Ours extends { readonly [K in keyof Ours]: Questions[string] }>(
    answerer: Answerer<Ours>,
    onFault: (fault: unknown) => void,
  ): void {
    const byName: Readonly<Record<string, ((asked: never) => Promise<unknown>) | undefined>> =
      answerer
    this.#channel.onMessage((given) => {
      const message = given as Message
      if (message.kind === 'question') {
        const work = byName[message.name]
        if (work !== undefined) void this.#answer(message, work, onFault)
        return
      }
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.kind === 'answer') waiting?.resolve(message.answer)
      else waiting?.reject(new LinkBroken('the other process could not answer'))
    })
  }

  /** Rejects with LinkBroken when no answer will come. */
  ask<K extends keyof Theirs & string>(
    name: K,
    asked: Theirs[K]['asked'],
  ): Promise<Theirs[K]['answer']> {
    if (this.#isOver || this.#waiting.size >= openQuestionsMax) {
      return Promise.reject(new LinkBroken('the other process is gone'))
    }
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Theirs[K]['answer']), reject })
      this.#send({ kind: 'question', id, name, asked })
    })
  }

  /** The other end has gone: nothing that was asked will be answered. */
  end(): void {
    this.#isOver = true
    for (const { reject } of this.#waiting.values()) {
      reject(new LinkBroken('the other process is gone'))
    }
    this.#waiting.clear()
  }

  async #answer(
    { id, asked }: Message & { kind: 'question' },
    work: (asked: never) => Promise<unknown>,
    onFault: (fault: unknown) => void,
  ): Promise<void> {
    try {
      this.#send({ kind: 'answer', id, answer: await work(asked as never) })
    } catch (fault) {
      this.#send({ kind: 'unanswered', id })
      onFault(fault)
    }
  }

  #send(message: Message): void {
    this.#channel.send(message)
  }
}
