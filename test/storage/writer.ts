/**
 * A process of its own on a data folder, for tests that kill it or share the folder with it.
 * `hold`: opens and waits. `load`: writes and deletes pairs of records until it is killed, one line per acknowledgement.
 * `fill`: writes until the disk is full. `count`: raises a counter a number of times and leaves.
 */

import { GroupCommit } from '../../src/storage/group-commit.ts'
import { DataFolderProblem } from '../../src/storage/lmdb/data-folder.ts'
import { viewOf, type Engine } from '../../src/storage/store.ts'
import { openAt } from './folder.ts'

const [, , mode, path, shared, numberText] = process.argv

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function load(engine: Engine, first: number): Promise<void> {
  const commits = new GroupCommit(engine)
  let next = first
  const work = async (): Promise<void> => {
    for (;;) {
      const n = next++
      const [a, b] = [`t/${n}`, `x/${n % 97}/${n}`]
      const value = Buffer.alloc(50 + (n % 3000), n % 251)
      // Every second one takes the way of a transaction that read something.
      const expects = n % 2 === 0 ? [] : [{ kind: 'value' as const, key: a, value: undefined }]
      const puts = [
        [a, value],
        [b, value],
      ] as const
      await commits.submit({ expects, puts, deletes: [] })
      say(`put ${n}`)
      if (n % 3 !== 0) continue
      await commits.submit({ expects: [], puts: [], deletes: [a, b] })
      say(`delete ${n}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, work))
}

async function count(engine: Engine, times: number): Promise<void> {
  for (let done = 0; done < times;) {
    const before = await viewOf(engine, async (view) => {
      const [bytes] = await view.getMany(['counter'])
      return bytes === undefined ? undefined : Buffer.from(bytes)
    })
    const after = Buffer.from(String(Number(before?.toString() ?? 0) + 1))
    const [outcome] = await engine.commit([
      {
        expects: [{ kind: 'value', key: 'counter', value: before }],
        puts: [['counter', after]],
        deletes: [],
      },
    ])
    if (outcome === 'committed') done++
  }
}

/** Writes until the disk is full, and then shows that reading and deleting go on. */
async function fill(engine: Engine): Promise<void> {
  const commits = new GroupCommit(engine, () => say('fatal'))
  const value = Buffer.alloc(200_000, 1)
  let refusal: unknown
  let written = 0
  for (; refusal === undefined && written < 200; written++) {
    // Both ways of committing meet the full disk.
    const expects = [{ kind: 'value' as const, key: 'none', value: undefined }]
    await commits
      .submit({
        expects: written % 2 === 0 ? [] : expects,
        puts: [[`k/${written}`, value]],
        deletes: [],
      })
      .catch((error: unknown) => {
        refusal = error
      })
  }
  say(`refused ${refusal instanceof Error ? refusal.name : 'nothing'}`)
  for (let n = 0; n < 3; n++) {
    const again = commits.submit({ expects: [], puts: [[`again/${n}`, value]], deletes: [] })
    await again.catch((error: unknown) => say(error instanceof Error ? error.name : 'unknown'))
  }
  const [first, last] = await viewOf(engine, (view) => view.getMany(['k/0', `k/${written - 1}`]))
  say(`read ${first?.length ?? 0} ${last?.length ?? 0}`)
  say(await commits.submit({ expects: [], puts: [], deletes: ['k/0', 'k/1', 'k/2', 'k/3'] }))
  say(await commits.submit({ expects: [], puts: [['small', Buffer.alloc(1000)]], deletes: [] }))
}

async function run(): Promise<void> {
  if (mode === undefined || path === undefined) return
  const engine = await openAt(path, shared === 'shared').catch((error: unknown) => {
    if (error instanceof DataFolderProblem) return undefined
    throw error
  })
  if (engine === undefined) return say('refused')
  say('ready')
  if (mode === 'load') return load(engine, Number(numberText))
  if (mode === 'hold') return new Promise(() => setInterval(() => {}, 1000))
  if (mode === 'count') await count(engine, Number(numberText))
  if (mode === 'fill') await fill(engine)
  return engine.close()
}

await run()
