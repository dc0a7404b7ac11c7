/** The lines of a file that may be larger than memory, one after the other. */

import { createReadStream } from 'node:fs'
import { fileProblem } from './file-problem.ts'

/** A longer line is given in pieces: no record of this server is one. */
const lineCharsMax = 67_108_864

/** Without their line breaks; the last one also where it has none. */
export async function* readUserLines(path: string): AsyncGenerator<{
  readonly text: string
  /** It ends with a line break. */
  readonly isWhole: boolean
}> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
      const parts = (rest + String(chunk)).split('\n')
      rest = parts.pop() ?? ''
      for (const text of parts) yield { text, isWhole: true }
      if (rest.length <= lineCharsMax) continue
      yield { text: rest, isWhole: false }
      rest = ''
    }
  } catch (cause) {
    throw fileProblem(path, cause, 'read')
  }
  if (rest !== '') yield { text: rest, isWhole: false }
}
