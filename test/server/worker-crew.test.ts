/** Questions between the first process and its workers, over channels in memory. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineLogger, SilentLogger, type Logger } from '../../src/platform/logger.ts'
import type { Channel, WorkerProcess } from '../../src/platform/workers.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { Crew } from '../../src/server/workers/crew.ts'
import { LetterBox, writeLetter } from '../../src/server/workers/letter.ts'
import { Link, LinkBroken } from '../../src/server/workers/link.ts'
import { nothing, type OfPrimary, type OfWorker } from '../../src/server/workers/questions.ts'
import { SharedLogger } from '../../src/server/workers/shared-logger.ts'

/** Two ends; what one sends the other hears in a later step, as a copy. */
function channelPair(): readonly [Channel, Channel] {
  const hearers: [(message: unknown) => void, (message: unknown) => void] = [ignore, ignore]
  const end = (own: 0 | 1): Channel => ({
    send: (message) => {
      const copy: unknown = JSON.parse(JSON.stringify(message))
      setImmediate(() => hearers[own === 0 ? 1 : 0](copy))
    },
    onMessage: (work) => {
      hearers[own] = work
    },
  })
  return [end(0), end(1)]
}

function ignore(): void {}

function workerOver(channel: Channel): WorkerProcess {
  return { ...channel, pid: 1, onExit: ignore, kill: ignore }
}

function makeLogger(): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = []
  const write = (line: string) => lines.push(line)
  const logger = new LineLogger({ level: 'info', format: 'json', nowMs: () => 0, write })
  return { logger, lines }
}

function makeCrew(): Crew {
  return new Crew({
    setup: { words: [], files: [], workers: 2, freePorts: [], folderGroup: 'g' },
    clock: new SystemClock(),
    logger: new SilentLogger(),
    events: { onListening: ignore, onFailed: ignore },
  })
}

test('a log level that is set at one worker holds for all, also for one that comes later', async () => {
  const crew = makeCrew()
  const workers = [0, 1].map(() => {
    const [ofCrew, ofWorker] = channelPair()
    crew.add(workerOver(ofCrew))
    const { logger } = makeLogger()
    const primary = new Link<OfPrimary>(ofWorker)
    let heard: () => void = ignore
    const told = new Promise<void>((resolve) => (heard = resolve))
    primary.serve<Pick<OfWorker, 'logLevel'>>(
      {
        logLevel: async ({ level }) => {
          logger.setLevel(level)
          heard()
          return undefined
        },
      },
      assert.ifError,
    )
    return { primary, logger, told }
  })
  const [one, two] = workers
  assert.ok(one !== undefined && two !== undefined)
  new SharedLogger(one.logger, one.primary).setLevel('debug')
  await two.told
  assert.deepEqual([one.logger.isEnabled('debug'), two.logger.isEnabled('debug')], [true, true])
  const setup = await two.primary.ask('setup', nothing)
  assert.equal(setup.logLevel, 'debug')
})

test('what nobody will answer is rejected: an answer that throws, an end that is gone', async () => {
  const [a, b] = channelPair()
  const faults: unknown[] = []
  const asker = new Link<OfWorker>(a)
  asker.serve({}, assert.ifError)
  new Link<OfPrimary>(b).serve<Pick<OfWorker, 'seal' | 'keyring'>>(
    {
      seal: () => Promise.reject(new Error('no')),
      keyring: () => new Promise(() => undefined),
    },
    (fault) => faults.push(fault),
  )
  await assert.rejects(asker.ask('seal', nothing), LinkBroken)
  assert.equal(faults.length, 1)
  const open = asker.ask('keyring', nothing)
  asker.end()
  await assert.rejects(open, LinkBroken)
  await assert.rejects(asker.ask('keyring', nothing), LinkBroken)
})

test('a letter is read by the one that it is for, as what it was written as, and whole', () => {
  const random = new SystemRandom()
  const [mine, other] = [new LetterBox(), new LetterBox()]
  const letter = writeLetter(mine.publicKey, 'root-key', Buffer.from('secret'), random)
  assert.equal(mine.open('root-key', letter)?.toString(), 'secret')
  assert.equal(other.open('root-key', letter), undefined)
  assert.equal(mine.open('errand', letter), undefined)
  const bytes = Buffer.from(letter.sealed, 'base64')
  bytes[20] = (bytes[20] ?? 0) ^ 1
  assert.equal(mine.open('root-key', { ...letter, sealed: bytes.toString('base64') }), undefined)
  assert.ok(!JSON.stringify(letter).includes(Buffer.from('secret').toString('base64')))
})

test('a line has at most the bytes that a pipe takes as one piece, and stays a line', () => {
  for (const format of ['json', 'standard'] as const) {
    const lines: string[] = []
    const logger = new LineLogger({
      level: 'info',
      format,
      nowMs: () => 0,
      write: (line) => lines.push(line),
      lineBytesMax: 4096,
    })
    const long = '\u{1F600}'.repeat(2000)
    logger.log(
      'info',
      'm',
      Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, long])),
    )
    logger.log('info', 'm', { a: 'x'.repeat(2000) })
    const [cut = '', whole = ''] = lines
    assert.ok(Buffer.byteLength(cut) <= 4096 && cut.endsWith('\n'), cut)
    assert.ok(whole.includes('x'.repeat(2000)))
    if (format === 'json') assert.ok(JSON.parse(cut))
  }
})
