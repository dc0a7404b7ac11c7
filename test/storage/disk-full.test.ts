/** A disk that is really full: a small file system in a mount namespace of its own, where the machine allows that. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freshFolder, removeFolders } from './folder.ts'

after(removeFolders)

const mountable =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /tmp']).status === 0

test(
  'SEC-STO-09: a full disk refuses writes, and reads, deletes and later writes go on',
  { skip: mountable ? false : 'no user namespaces with mounts here' },
  () => {
    const folder = freshFolder()
    mkdirSync(folder)
    const writer = fileURLToPath(new URL('./writer.js', import.meta.url))
    const script = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" "$3" fill "$1/data" alone'
    const words = ['-rm', 'sh', '-c', script, 'sh', folder, process.execPath, writer]
    const { stdout } = spawnSync('unshare', words, { encoding: 'utf8' })
    assert.deepEqual(stdout.trim().split('\n'), [
      'ready',
      'refused StoreUnavailable',
      'StoreUnavailable',
      'StoreUnavailable',
      'StoreUnavailable',
      'read 200000 0',
      'committed',
      'committed',
    ])
  },
)
