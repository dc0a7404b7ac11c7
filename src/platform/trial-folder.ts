/**
 * The folder of `npm start`: the seal key and the data. Private to its owner, like every data
 * folder.
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from './random.ts'

export interface TrialFolder {
  /** Text of the static seal key. */
  readonly key: string
  readonly dataPath: string
}

/** Opens or makes the folder; `fresh` empties it first, `memory` touches nothing. */
export function openTrialFolder(options: {
  readonly path: string
  readonly fresh: boolean
  readonly memory: boolean
  readonly random: Random
}): TrialFolder {
  const { path, random } = options
  const dataPath = join(path, 'data')
  if (options.memory) return { key: random.bytes(32).toString('hex'), dataPath }
  if (options.fresh) rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o700)
  const keyPath = join(path, 'key')
  if (!existsSync(keyPath)) {
    writeFileSync(keyPath, `${random.bytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  }
  return { key: readFileSync(keyPath, 'utf8').trim(), dataPath }
}
