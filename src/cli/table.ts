/** Aligned columns under dashes, laid out as the existing clients do. */

import { isJsonObject, type JsonObject, type JsonValue } from '../lib/json.ts'
import { goSeconds, goText, looksLikeDuration } from './go-text.ts'
import { safeText } from './safe-text.ts'

const glue = '    '

/** Rows below a header; an empty cell reads `n/a`. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return formatColumns([header, header.map((name) => '-'.repeat(name.length)), ...rows])
}

export function formatColumns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => safeText(cell.trim() === '' ? 'n/a' : cell.trim())),
  )
  const widths: number[] = []
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, letterCount(cell))
  }
  return cells
    .map((row) =>
      row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i]))).join(glue),
    )
    .join('\n')
}

/** Members of an object, sorted, below `Key` and `Value`. */
export function formatMembers(object: JsonObject): string {
  return formatTable(['Key', 'Value'], memberRows(object))
}

export function memberRows(object: JsonObject): [string, string][] {
  return Object.keys(object)
    .sort()
    .map((name) => [name, cellText(name, object[name] ?? null)])
}

function cellText(name: string, value: JsonValue): string {
  return looksLikeDuration(name) ? goSeconds(value) : goText(value)
}

/** A section's title between equals signs, as wide as the table below it. */
export function formatTitle(title: string, below: JsonObject | string): string {
  const width = isJsonObject(below)
    ? Math.max(0, ...Object.keys(below).map((name) => name.length)) + glue.length + 'Value'.length
    : below.length
  const room = width - title.length - 2
  const signs = '='.repeat(Math.ceil((room <= 0 ? 4 : room) / 2))
  return `${signs} ${title} ${signs}`
}

function pad(cell: string, width = 0): string {
  return cell + ' '.repeat(Math.max(0, width - letterCount(cell)))
}

/** Code points: a name with letters outside the basic plane still lines up. */
function letterCount(text: string): number {
  return Array.from(text).length
}
