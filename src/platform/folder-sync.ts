/** Makes the names in a folder durable: a file's own sync does not say where the file is. */

import { closeSync, fsyncSync, openSync } from 'node:fs'
import { platform } from 'node:os'
import { dirname } from 'node:path'

/** After it a power cut leaves every name that the folder has; throws what the system says. */
export function syncFolder(folder: string): void {
  // Windows has no handles of folders to sync.
  if (platform() === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** The same for the folder of a path, where it may be read and its file system can. */
export function syncNameOf(path: string): void {
  try {
    syncFolder(dirname(path))
  } catch {
    // Who may write there may not read there: the name is as safe as the file system makes it.
  }
}
