/**
 * LIST, SCAN and HELP are served against the will of the platform's parser (`extra-verb.ts`), by
 * what it happens to tell of its refusals. Another version may tell less, so a server tries it on
 * itself before it says that it is ready.
 */

import { connect } from 'node:net'

import type { ApiOutcome, Verb } from '../framework/api.ts'
import { createBodyBudgets } from './body-budget.ts'
import type { ExchangeContext } from './exchange.ts'
import { Listener } from './listener.ts'
import { tcpListener } from './listener-options.ts'
import { FixedHeaders } from './respond.ts'

const waitMsMax = 5000

/** What is asked on one connection, in one packet, and what has to arrive. */
const asked: readonly (readonly [string, Verb])[] = [
  ['LIST', 'list'],
  ['GET', 'read'],
  ['SCAN', 'scan'],
  ['LIST', 'list'],
  ['HELP', 'help'],
]

const done: ApiOutcome = {
  kind: 'answer',
  answer: { requestId: '', body: { kind: 'empty', status: 204 }, headers: {} },
}

/**
 * Throws, with a sentence for whoever starts the server, when requests with these verbs do not
 * arrive as what they are.
 */
export async function requireVerbsServed(
  context: Pick<ExchangeContext, 'clock' | 'logger' | 'random' | 'inbox' | 'outbox'>,
  requests: readonly (readonly [string, Verb])[] = asked,
): Promise<void> {
  const arrived: Verb[] = []
  const options = tcpListener({ host: '127.0.0.1', port: 0 })
  const listener = await Listener.create(options, {
    ...context,
    options,
    fixedHeaders: new FixedHeaders(options),
    handler: async ({ verb }) => {
      arrived.push(verb)
      return done
    },
    prepare: () => undefined,
    traitsOf: () => ({ isOpen: true, repeats: undefined }),
    requireMayAsk: async () => {},
    recordUnread: async (_request, refusal) => refusal,
    bodies: createBodyBudgets(0),
    other: undefined,
    cors: () => undefined,
    isStopping: () => false,
  })
  const bound = await listener.start()
  try {
    if (bound.kind === 'tcp') await exchange(bound.port, requests, context)
  } finally {
    await listener.stop(0)
  }
  const wanted = requests.map(([, verb]) => verb)
  if (arrived.join(' ') === wanted.join(' ')) return
  throw new Error(
    'this version of Node does not let the server take LIST, SCAN and HELP requests; run it with one that it is tested with',
  )
}

/** Sends them all and reads until the other side ends the connection, or for so long. */
function exchange(
  port: number,
  requests: readonly (readonly [string, Verb])[],
  { clock }: Pick<ExchangeContext, 'clock'>,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const cancel = clock.after(waitMsMax, () => socket.destroy())
    socket.once('close', () => {
      cancel()
      resolve()
    })
    socket.on('error', () => undefined)
    socket.resume()
    const heads = requests.map(([method], index) => {
      const last = index === requests.length - 1 ? 'Connection: close\r\n' : ''
      return `${method} /v1/a HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`
    })
    socket.write(heads.join(''))
  })
}
