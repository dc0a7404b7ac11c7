/** `K=V` words of the command line as data (platform.md §9.4). Error texts never repeat a value. */

import {
  emptyObject,
  isJsonArray,
  isJsonObject,
  parseJson,
  requestJsonLimits,
} from '../lib/json.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { CommandFailure } from './failure.ts'

export interface DataSources {
  /** Undefined when there is no such file. */
  readFile(path: string): Promise<string | undefined>
  /** Throws when it was read before. */
  readStdin(): Promise<string>
}

export async function parseKeyValues(
  words: readonly string[],
  sources: DataSources,
): Promise<JsonObject> {
  const result = emptyObject()
  for (const [index, word] of words.entries()) {
    if (word === '') continue
    const at = word.indexOf('=')
    if (word === '-') {
      Object.assign(result, parseObject(await sources.readStdin(), 'standard input'))
    } else if (at < 0 && word.startsWith('@')) {
      const path = word.slice(1)
      Object.assign(result, parseObject(await requireFile(path, sources), `the file ${path}`))
    } else if (at < 0) {
      fail(`invalid key/value pair at word ${index + 1}: format must be key=value`)
    } else {
      append(result, word.slice(0, at), await resolveValue(word.slice(at + 1), sources))
    }
  }
  return result
}

/** The same where only text makes sense: repeated keys and objects are refused. */
export async function parseTextValues(
  words: readonly string[],
  sources: DataSources,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(await parseKeyValues(words, sources))) {
    if (typeof value !== 'string') fail(`"${name}" must be one text`)
    values.set(name, value)
  }
  return values
}

async function resolveValue(text: string, sources: DataSources): Promise<string> {
  if (text.startsWith('@')) return requireFile(text.slice(1), sources)
  if (text.startsWith('\\@')) return text.slice(1)
  return text === '-' ? sources.readStdin() : text
}

/** A key that comes again makes a list of its values, also behind one from a JSON object. */
function append(result: Record<string, JsonValue>, name: string, value: string): void {
  const before = Object.hasOwn(result, name) ? result[name] : undefined
  if (before === undefined) result[name] = value
  else result[name] = isJsonArray(before) ? [...before, value] : [before, value]
}

async function requireFile(path: string, sources: DataSources): Promise<string> {
  const text = await sources.readFile(path)
  return text ?? fail(`error reading file: there is no file ${path}`)
}

function parseObject(text: string, source: string): JsonObject {
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok) {
    return fail(`${source} is not JSON: ${parsed.error.detail} (character ${parsed.error.at + 1})`)
  }
  return isJsonObject(parsed.value) ? parsed.value : fail(`${source} is not a JSON object`)
}

function fail(why: string): never {
  throw new CommandFailure(`Failed to parse K=V data: ${why}`)
}
