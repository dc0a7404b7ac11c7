/** Text in lines as wide as a terminal. */

const lineLengthMax = 80

/** Lines of at most the width of a terminal; words are never cut. */
export function folded(head: string, text: string): readonly string[] {
  const lines: string[] = []
  let line = head
  let isEmpty = true
  for (const word of text.split(/\s+/)) {
    if (!isEmpty && line.length + 1 + word.length > lineLengthMax) {
      lines.push(line)
      line = ' '.repeat(head.length)
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}
