/**
 * The front-door rule: what is promised to keep strangers out is proven where strangers come in. Each security id that
 * a test names is named by a test file that reaches a door: a server's socket, or the command line.
 */

import { posix } from 'node:path'
import { importsOf, withoutComments, type SourceFile } from './source-text.ts'

/** Files that start a real server or run the real command line. */
const doors: ReadonlySet<string> = new Set([
  'test/harness/test-server.ts',
  'test/harness/program-folder.ts',
  'test/harness/browser.ts',
  'test/cli/cli-run.ts',
  'test/cli-server/program.ts',
  'test/server/server-process.ts',
  'test/http/running-server.ts',
  'test/reliability/running-child.ts',
])

/** Ids that no request and no command can provoke, each with the reason. */
export type WithoutDoor = Readonly<Record<string, string>>

/** Complaints about ids that are proven behind the door only, and about exceptions that are none. */
export function findWithoutDoor(
  files: readonly SourceFile[],
  withoutDoor: WithoutDoor,
): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const atDoor = new Set<string>()
  const behind = new Map<string, string>()
  for (const { path } of files.filter((file) => file.path.endsWith('.test.ts'))) {
    const reached = reachedFrom(path, byPath)
    const ids = reached.flatMap((file) => idsOf(file))
    if (reached.some((file) => doors.has(file.path))) for (const id of ids) atDoor.add(id)
    else for (const id of ids) behind.set(id, path)
  }
  return [
    ...[...behind].flatMap(([id, path]) =>
      atDoor.has(id) || Object.hasOwn(withoutDoor, id)
        ? []
        : [`${path}: ${id} needs a test through a server's socket or the command line as well`],
    ),
    ...Object.keys(withoutDoor).flatMap((id) => {
      if (atDoor.has(id)) return [`${id} has a test through a door; it is no exception`]
      return behind.has(id) ? [] : [`${id} is named by no test; it is no exception`]
    }),
  ]
}

/** The file and what it imports below test/, other than types. */
function reachedFrom(path: string, byPath: ReadonlyMap<string, SourceFile>): readonly SourceFile[] {
  const reached = new Map<string, SourceFile>()
  const next = [path]
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    const file = byPath.get(at)
    if (file === undefined || reached.has(at)) continue
    reached.set(at, file)
    for (const { clause, specifier } of importsOf(file)) {
      // A type opens no door.
      if (/^\s*type\b/.test(clause) || !specifier.startsWith('.')) continue
      next.push(posix.normalize(posix.join(posix.dirname(at), specifier)))
    }
  }
  return [...reached.values()]
}

/** Security ids in the titles and tables of a file; a comment proves nothing. */
function idsOf({ text }: SourceFile): readonly string[] {
  return withoutComments(text).match(/\bSEC-[A-Z]{3}-S?\d+/g) ?? []
}
