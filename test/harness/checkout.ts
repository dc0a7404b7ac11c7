/** Where the checkout is, from wherever the built tests lie in it. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const root = findRoot(import.meta.dirname)

function findRoot(folder: string): string {
  const parent = dirname(folder)
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : findRoot(parent)
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
