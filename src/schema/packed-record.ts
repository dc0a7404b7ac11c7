/**
 * A record without the names of its members, for those of which there are millions: a list that
 * begins with a number. Each of its bits says whether the member in that place of the table
 * follows; one that is at its default does not. So a table that is packed grows at its end alone:
 * no member moves, goes or gets another default.
 */

import { isJsonArray, isJsonObject, type JsonValue } from '../lib/json.ts'
import type { Members, RecordDefinition, RecordTable, StoredOf } from './record.ts'

/** Places that a number has bits for. */
const membersMax = 31

interface Place {
  readonly name: string
  readonly bit: number
  readonly initial: Members[string]
  readonly part: Packing | undefined
}

export class PackedRecord<T extends RecordTable> {
  readonly #definition: RecordDefinition<T>
  readonly #packing: Packing

  constructor(definition: RecordDefinition<T>) {
    this.#definition = definition
    this.#packing = new Packing(definition.table)
  }

  pack(record: StoredOf<T>): readonly unknown[] {
    return this.#packing.pack(record)
  }

  /** Of what was packed; throws for what was not. */
  unpack(packed: JsonValue): StoredOf<T> {
    return this.#definition.upgrade(this.#packing.unpack(packed))
  }
}

class Packing {
  readonly #places: readonly Place[]

  constructor(table: RecordTable) {
    const fields = Object.entries(table)
    if (fields.length > membersMax) throw new Error('a packed record has too many members')
    this.#places = fields.map(([name, field], place) => ({
      name,
      bit: 1 << place,
      initial: field.default,
      part: field.part === undefined ? undefined : new Packing(field.part.table),
    }))
  }

  pack(members: Members): readonly unknown[] {
    const packed: unknown[] = [0]
    let bits = 0
    for (const { name, bit, initial, part } of this.#places) {
      const value = members[name]
      if (value === undefined || isSame(value, initial)) continue
      bits |= bit
      packed.push(part !== undefined && isJsonObject(value) ? part.pack(value) : value)
    }
    packed[0] = bits
    return packed
  }

  unpack(packed: JsonValue): Members {
    if (!isJsonArray(packed)) throw new TypeError('a record is not packed')
    const [bits] = packed
    if (typeof bits !== 'number') throw new TypeError('a record is not packed')
    const members: Record<string, Members[string]> = {}
    let last = 0
    for (const { name, bit, initial, part } of this.#places) {
      const isHere = (bits & bit) !== 0
      const value = isHere ? packed[++last] : initial
      if (value === undefined) continue
      members[name] = part !== undefined && isHere ? part.unpack(packed[last] ?? null) : value
    }
    return members
  }
}

/** Of lists only empty ones are the same: no other is a default. */
function isSame(value: Members[string], initial: Members[string]): boolean {
  if (value === initial) return true
  return isJsonArray(value) && isJsonArray(initial) && value.length + initial.length === 0
}
