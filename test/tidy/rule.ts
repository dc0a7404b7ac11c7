/** What a rule of the repository about itself looks like, and how it is stated for one file. */

import type { SourceFile } from './source-text.ts'
import { lineOf } from './source-text.ts'

export interface Example {
  readonly path: string
  readonly text: string
}

export interface Rule {
  /** A sentence. */
  readonly title: string
  /** Complaints about one file, each with what to do instead. */
  readonly find: (file: SourceFile, tree: ReadonlySet<string>) => readonly string[]
  /** The rule must complain about each of these, or it is blind. */
  readonly bad: readonly Example[]
  /** And about none of these, or it is a nuisance. */
  readonly good: readonly Example[]
}

export function complaint({ path, text }: SourceFile, at: number, message: string): string {
  return `${path}:${lineOf(text, at)}: ${message}`
}

/** Complaints about every place in the code that the pattern matches. */
export function findPattern(file: SourceFile, pattern: RegExp, message: string): string[] {
  return [...file.code.matchAll(pattern)].map(({ index }) => complaint(file, index, message))
}
