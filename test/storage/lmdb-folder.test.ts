/** The data folder: who may open it, what is refused, and the rights of what is made. */

import assert from 'node:assert/strict'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { findDataFileProblem } from '../../src/storage/lmdb/data-file.ts'
import { viewOf, type Engine } from '../../src/storage/store.ts'
import { startWriter } from './child.ts'
import { damages, hashFiles } from './damages.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

const posix = process.platform !== 'win32'
/** Of keys in the root, and of those that have trees of their own. */
const prefixes = ['t', 'k', 'x'] as const

function put(engine: Engine, key: string, value: Buffer): Promise<unknown> {
  return engine.commit([{ expects: [], puts: [[key, value]], deletes: [] }])
}

async function get(engine: Engine, key: string): Promise<string | undefined> {
  return viewOf(engine, async (view) => {
    const [bytes] = await view.getMany([key])
    return bytes === undefined ? undefined : Buffer.from(bytes).toString()
  })
}

/** A closed store with enough in each of its trees to have several levels and long values. */
async function makeStore(): Promise<string> {
  const path = freshFolder()
  const engine = await openAt(path)
  for (let i = 0; i < 20; i++) {
    const puts = Array.from(
      { length: 60 },
      (_, j) =>
        [`${prefixes[j % 3]}/${i}/${j}`, Buffer.alloc(400 + (j === 7 ? 30_000 : 0), j)] as const,
    )
    await engine.commit([{ expects: [], puts, deletes: [] }])
  }
  await engine.close()
  return path
}

for (const [what, text, damage] of damages) {
  test(`SEC-STO-11: ${what} is refused with a message that names the folder, and nothing is touched`, async () => {
    const path = await makeStore()
    damage(path)
    const before = hashFiles(path)
    await assert.rejects(openAt(path), (error: Error) => {
      assert.equal(error.name, 'DataFolderProblem')
      assert.match(error.message, text)
      assert.ok(error.message.includes(path))
      return true
    })
    assert.deepEqual(hashFiles(path), before)
  })
}

test('SEC-STO-11: every length that cuts the data file into its content is refused', async () => {
  const path = await makeStore()
  const whole = readFileSync(join(path, 'data.mdb'))
  for (let length = whole.length - 8192; length > 0; length -= 81_920) {
    truncateSync(join(path, 'data.mdb'), length)
    await assert.rejects(openAt(path), { name: 'DataFolderProblem' }, String(length))
    writeFileSync(join(path, 'data.mdb'), whole)
  }
  const engine = await openAt(path)
  assert.equal((await get(engine, 'k/19/7'))?.length, 30_400)
  await engine.close()
})

test('SEC-STO-11: a folder with files of somebody else is refused and stays as it is', async () => {
  const path = freshFolder()
  mkdirSync(path)
  writeFileSync(join(path, 'thesis.txt'), 'years of work')
  await assert.rejects(openAt(path), /not empty and was not made by this server/)
  assert.deepEqual(readdirSync(path), ['thesis.txt'])
})

test('a folder that is a file is refused', async () => {
  const path = freshFolder()
  writeFileSync(path, '')
  await assert.rejects(openAt(path), /is not a folder/)
})

test('SEC-STO-11: a data file of another store is refused', async () => {
  const [one, other] = [await makeStore(), await makeStore()]
  cpSync(join(one, 'data.mdb'), join(other, 'data.mdb'))
  await assert.rejects(openAt(other), /data.mdb of another store/)
})

test('a new volume with its lost+found is an empty folder', async () => {
  const path = freshFolder()
  mkdirSync(join(path, 'lost+found'), { recursive: true })
  const engine = await openAt(path)
  await engine.close()
  assert.ok(existsSync(join(path, 'format.json')))
})

test('a making that was interrupted is taken up again', async () => {
  const path = await makeStore()
  const record = JSON.parse(readFileSync(join(path, 'format.json'), 'utf8')) as object
  writeFileSync(join(path, 'format.json'), JSON.stringify({ ...record, state: 'creating' }))
  await (await openAt(path)).close()
  assert.match(readFileSync(join(path, 'format.json'), 'utf8'), /"ready"/)
})

test(
  'SEC-STO-16: the folder is for its owner alone, whatever the umask',
  { skip: !posix },
  async () => {
    const before = process.umask(0)
    try {
      const path = freshFolder()
      const engine = await openAt(path)
      const modes = readdirSync(path).map((name) => statSync(join(path, name)).mode & 0o777)
      assert.equal(statSync(path).mode & 0o777, 0o700)
      assert.ok(modes.length >= 4 && modes.every((mode) => mode === 0o600), String(modes))
      await engine.close()
      chmodSync(path, 0o755)
      chmodSync(join(path, 'data.mdb'), 0o644)
      await (await openAt(path)).close()
      assert.equal(statSync(path).mode & 0o777, 0o700)
      assert.equal(statSync(join(path, 'data.mdb')).mode & 0o777, 0o600)
    } finally {
      process.umask(before)
    }
  },
)

test('SEC-STO-10: a second process is refused with the id of the first, until that is killed', async () => {
  const path = freshFolder()
  const first = startWriter('hold', path, 'alone')
  await first.ready
  await assert.rejects(openAt(path), new RegExp(`in use by process ${first.process.pid};`))
  await assert.rejects(openAt(path, true), new RegExp(`in use by process ${first.process.pid};`))
  first.process.kill('SIGKILL')
  await first.ended
  const engine = await openAt(path)
  await assert.rejects(openAt(path), new RegExp(`in use by process ${process.pid}`))
  await engine.close()
  assert.deepEqual(
    readdirSync(path).filter((name) => name.endsWith('.sock')),
    [],
  )
})

test('SEC-STO-10: of many that start at once after a kill exactly one gets the folder', async () => {
  const path = await makeStore()
  const killed = startWriter('hold', path, 'alone')
  await killed.ready
  killed.process.kill('SIGKILL')
  await killed.ended
  const starters = Array.from({ length: 4 }, () => startWriter('hold', path, 'alone'))
  const outcomes = await Promise.allSettled(starters.map((starter) => starter.ready))
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1)
  for (const starter of starters) starter.process.kill('SIGKILL')
  await Promise.all(starters.map((starter) => starter.ended))
})

test(
  'SEC-STO-10: the lock holds although its socket file was deleted',
  { skip: process.platform !== 'linux' },
  async () => {
    const path = freshFolder()
    const first = startWriter('hold', path, 'alone')
    await first.ready
    for (const name of readdirSync(path)) if (name.endsWith('.sock')) unlinkSync(join(path, name))
    await assert.rejects(openAt(path), /in use by process/)
    // A copy of the folder is another store's worth of files and nobody's.
    const copy = join(dirname(freshFolder()), 'copy')
    cpSync(path, copy, { recursive: true })
    await (await openAt(copy)).close()
    first.process.kill('SIGKILL')
    await first.ended
    await (await openAt(path)).close()
  },
)

test(
  'a folder with a very long name can be locked as well',
  { skip: process.platform !== 'linux' },
  async () => {
    const path = join(freshFolder(), 'x'.repeat(120))
    const engine = await openAt(path)
    await assert.rejects(openAt(path, true), /in use/)
    await engine.close()
    await (await openAt(path)).close()
  },
)

test('processes that all ask for it share a folder, see each other at once, and lose nothing', async () => {
  const path = freshFolder()
  const engine = await openAt(path, true)
  await put(engine, 'counter', Buffer.from('0'))
  const others = [
    startWriter('count', path, 'shared', 100),
    startWriter('count', path, 'shared', 100),
  ]
  await Promise.all(others.map((other) => other.ready))
  await assert.rejects(openAt(path), /in use by process/)
  await Promise.all(others.map((other) => other.ended))
  assert.equal(await get(engine, 'counter'), '200')
  await engine.close()
})

test('a data file that other processes are writing is never called damaged', async () => {
  const path = freshFolder()
  await (await openAt(path, true)).close()
  const writers = [1, 2].map(() => startWriter('count', path, 'shared', 200))
  await Promise.race(writers.map((writer) => writer.ready))
  const data = join(path, 'data.mdb')
  let isOver = false
  const ended = Promise.all(writers.map((writer) => writer.ended)).then(() => (isOver = true))
  while (!isOver) {
    for (let look = 0; look < 200; look++) assert.equal(findDataFileProblem(data), undefined)
    await new Promise(setImmediate)
  }
  await ended
})

test('SEC-STO-14: the map grows with what is stored', async () => {
  const path = freshFolder()
  const engine = await openAt(path)
  for (let i = 0; i < 24; i++) await put(engine, `big/${i}`, Buffer.alloc(1_000_000, i))
  assert.equal((await get(engine, 'big/23'))?.length, 1_000_000)
  await engine.close()
})
