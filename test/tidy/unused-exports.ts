/** Values that a file of the sources exports and that no other file asks for. */

import { posix } from 'node:path'
import { complaint } from './rule.ts'
import { importsOf, type SourceFile } from './source-text.ts'

const exported =
  /^export (?:async )?(?:abstract )?(?:const|let|class|function\*?) ([A-Za-z_$][\w$]*)/gm

/**
 * `files` are all that may import. A file of `entries` is loaded by its path and exports for whoever
 * does it; a script names what it takes in its text.
 */
export function findUnusedExports(
  files: readonly SourceFile[],
  entries: ReadonlySet<string>,
  scripts = '',
): readonly string[] {
  const used = namesByFile(files)
  return files.flatMap((file) => {
    if (!file.path.startsWith('src/') || entries.has(file.path)) return []
    const names = used.get(file.path)
    return [...file.code.matchAll(exported)].flatMap(({ 1: name = '', index }) => {
      if (names?.has(everything) === true || names?.has(name) === true) return []
      if (new RegExp(String.raw`\b${name}\b`).test(scripts)) return []
      return [complaint(file, index, `${name} is used here alone: do not export it`)]
    })
  })
}

/** Stands for all names: `import * as`, `export * from`, `import()`. */
const everything = '*'

function namesByFile(files: readonly SourceFile[]): ReadonlyMap<string, ReadonlySet<string>> {
  const used = new Map<string, Set<string>>()
  for (const file of files) {
    for (const { clause, specifier } of importsOf(file)) {
      const target = posix.join(posix.dirname(file.path), specifier)
      const names = used.get(target) ?? new Set()
      for (const name of namesIn(clause)) names.add(name)
      used.set(target, names)
    }
  }
  return used
}

function namesIn(clause: string): readonly string[] {
  const inner = /\{([^}]*)\}/.exec(clause)?.[1]
  if (inner === undefined) return [everything]
  return inner
    .split(',')
    .map(
      (one) =>
        one
          .trim()
          .replace(/^type /, '')
          .split(' ')[0] ?? '',
    )
    .filter((name) => name !== '')
}
