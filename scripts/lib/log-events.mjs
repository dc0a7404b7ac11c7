/**
 * The events of the log, read out of the sources: each call of a logger with its level, its words and the names of its
 * fields. What a call hands on from elsewhere is no event of its own.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const call = /(?:\.log|this\.#log)\(\s*'(trace|debug|info|warn|error)',\s*'((?:[^'\\]|\\.)*)'/g

/** By level, then by words; the same words from several places are one event with all their fields. */
export function logEvents(folder) {
  const found = new Map()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const source = readFileSync(join(folder, file), 'utf8')
    for (const match of source.matchAll(call)) {
      const [whole, level, message] = match
      const key = `${level} ${message}`
      const event = found.get(key) ?? { level, message, fields: new Set() }
      const isKeySet = whole.startsWith('this.#log')
      const names = isKeySet ? ['url', 'cause'] : fieldsAfter(source, match.index + whole.length)
      for (const name of names) event.fields.add(name)
      found.set(key, event)
    }
  }
  return [...found.values()].map((one) => ({ ...one, fields: [...one.fields] })).sort(byWords)
}

function byWords(a, b) {
  return a.message < b.message ? -1 : 1
}

/** Names of the object that comes next, if one does; those of a spread are that of its variable. */
function fieldsAfter(source, at) {
  const start = /^\s*,\s*(?:\{|(\w+)\s*\))/.exec(source.slice(at))
  if (start === null) return []
  if (start[1] !== undefined) return membersOf(source, start[1], at)
  return namesIn(bodyOf(source, at + start[0].length), source, at)
}

function namesIn(body, source, at) {
  return partsOf(body).flatMap((part) => {
    const spread = /^\.\.\.(\w+)$/.exec(part)
    if (spread !== null) return membersOf(source, spread[1], at)
    const name = /^(\w+)(?=\s*(?::|$))/.exec(part)
    return name === null ? [] : [name[1]]
  })
}

/** Members of the nearest object of that name before the call. */
function membersOf(source, name, before) {
  const start = source.lastIndexOf(`const ${name} = {`, before)
  if (start === -1) return []
  return namesIn(bodyOf(source, source.indexOf('{', start) + 1), '', 0)
}

/** From behind a brace up to the one that closes it. */
function bodyOf(source, from) {
  let depth = 1
  let end = from
  while (depth > 0 && end < source.length) {
    if ('{(['.includes(source[end])) depth++
    if ('})]'.includes(source[end])) depth--
    end++
  }
  return source.slice(from, end - 1)
}

/** Split at the commas of the outermost level. */
function partsOf(body) {
  const parts = ['']
  let depth = 0
  for (const character of body.replaceAll(/\/\/[^\n]*/g, '')) {
    if ('{(['.includes(character)) depth++
    if ('})]'.includes(character)) depth--
    if (character === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}
