/** Times as pages tell them. */

import { foreign, html, type Html } from './html.ts'

/** The time both for people and for programs. */
export function moment(iso: string): Html {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso)
  if (parts === null) return foreign(iso)
  return html`<time datetime="${iso}">${parts[1]} ${parts[2]} ${timeZone}</time>`
}

const timeZone = 'UTC'

/** Two units are enough to plan with: `4 min 12 s`, `3 h 5 min`, `12 days`. */
export function remaining(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['days', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const found = units.findIndex(([name, size]) => seconds >= size * (name === 'days' ? 2 : 1))
  const [name, size] = units[found] ?? ['s', 1]
  const [lowerName, lowerSize] = units[found + 1] ?? ['', seconds + 1]
  const lower = name === 'days' ? 0 : Math.floor((seconds % size) / lowerSize)
  const first = `${Math.floor(seconds / size)} ${name}`
  return lower === 0 ? first : `${first} ${lower} ${lowerName}`
}
