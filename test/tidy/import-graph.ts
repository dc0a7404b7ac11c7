/** Which file of the sources imports which, imports of types included, and the circles among them. */

import { posix } from 'node:path'
import { importsOf, type SourceFile } from './source-text.ts'

export type ImportGraph = ReadonlyMap<string, readonly string[]>

export function importGraph(files: readonly SourceFile[]): ImportGraph {
  const paths = new Set(files.map(({ path }) => path))
  return new Map(
    files.map((file) => {
      const targets = importsOf(file)
        .map(({ specifier }) => posix.join(posix.dirname(file.path), specifier))
        .filter((target) => paths.has(target))
      return [file.path, targets]
    }),
  )
}

/**
 * The circles, each as the files on it. Files that import nothing are taken away until none is left;
 * what remains lies on a circle or leads to one.
 */
export function importCircles(graph: ImportGraph): readonly (readonly string[])[] {
  const left = new Map(graph)
  for (let before = -1; before !== left.size;) {
    before = left.size
    for (const [path, targets] of left) {
      if (!targets.some((target) => left.has(target))) left.delete(path)
    }
  }
  const circles: (readonly string[])[] = []
  const told = new Set<string>()
  for (const start of left.keys()) {
    if (told.has(start)) continue
    const way: string[] = []
    let at: string | undefined = start
    while (at !== undefined && !way.includes(at)) {
      way.push(at)
      at = left.get(at)?.find((target) => left.has(target))
    }
    const circle = at === undefined ? [] : way.slice(way.indexOf(at))
    if (!circle.some((path) => told.has(path))) circles.push(circle)
    for (const path of way) told.add(path)
  }
  return circles
}
