/** The TypeScript files of a folder of the repository, read for rules that look at all of them. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createSourceFile, type SourceFile } from './source-text.ts'

export const root = findRoot(import.meta.dirname)

export function readSources(folder: string): readonly SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replaceAll('\\', '/'))
    .map((path) => {
      const text = readFileSync(join(root, folder, path), 'utf8')
      return createSourceFile(`${folder}/${path}`, text)
    })
}

function findRoot(folder: string): string {
  const isRoot = existsSync(join(folder, 'package-lock.json')) && existsSync(join(folder, 'src'))
  return isRoot ? folder : findRoot(dirname(folder))
}
