/** A sentence stands once: what is written in two places is soon said in two ways. */

import { lineOf, withoutComments, type SourceFile } from './source-text.ts'

/** Shorter ones are names, headings and the words of a field. */
const charsMin = 55
const wordsMin = 6
const literal = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\\n]|\\.)*)`/g

interface Place {
  readonly path: string
  readonly line: number
}

/** Complaints about every sentence that stands as a literal in more than one place of the files. */
export function findRepeatedTexts(files: readonly SourceFile[]): readonly string[] {
  const places = new Map<string, Place[]>()
  for (const file of files) {
    const code = withoutComments(file.text)
    for (const match of code.matchAll(literal)) {
      const text = match[1] ?? match[2] ?? match[3] ?? ''
      if (!isSentence(text)) continue
      const place = { path: file.path, line: lineOf(code, match.index) }
      places.set(text, [...(places.get(text) ?? []), place])
    }
  }
  return [...places]
    .filter(([, where]) => where.length > 1)
    .map(([text, where]) => {
      const list = where.map(({ path, line }) => `${path}:${line}`).join(', ')
      return `${list}: write it once and name it: ${text}`
    })
}

function isSentence(text: string): boolean {
  return text.length >= charsMin && text.split(' ').length >= wordsMin
}
