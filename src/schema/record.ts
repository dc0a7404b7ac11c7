/**
 * A record is one table of fields. Beside its kind, a field says what a new record has, what a
 * write does that leaves it out, whether a read shows it, whether it decides logins, and since
 * which format it is there. From the table come the stored type, the fields of the path, the
 * defaults, the merge of a write, the read shape, and the reading of records that an earlier
 * version has written: what they lack has its default. What a value may be beyond its kind is the
 * owner's to check.
 */

import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Field } from './field.ts'

/** The versions that have added fields to records. */
export type RecordFormat = '0.1' | '0.2'

/** `undefined` for what a record may be without. */
type Stored = JsonValue | Members | undefined

export interface Members {
  readonly [name: string]: Stored
}

interface Attributes<S> {
  /** What a new record has, and an older one that lacks it. The kind's zero value by default. */
  readonly default: S
  /** What a write does that leaves it out. */
  readonly leftOut: 'keep' | 'reset'
  readonly shown: 'always' | 'unless_default' | 'never'
  /** A change of it is a change of what decides logins. */
  readonly decides: boolean
  readonly since: RecordFormat
  /** The only texts that may be stored; an empty one in a request is the default. */
  readonly choices: readonly string[] | undefined
  /** The value is a record itself, and is read as one. */
  readonly part: PartDefinition | undefined
}

/** A record inside another, whatever its members are. */
interface PartDefinition {
  readonly table: RecordTable
  readonly upgrade: (members: Members) => Members
}

/** A field that requests write. */
export interface WrittenField<W, S extends JsonValue> extends Attributes<S> {
  readonly wire: Field<W>
}

/** A field that the server alone sets; no read shows it. */
export interface OwnField<S extends Stored> extends Attributes<S> {
  readonly wire: undefined
}

export type RecordField = WrittenField<unknown, JsonValue> | OwnField<Stored>
export type RecordTable = Readonly<Record<string, RecordField>>

type StoredIn<F> = F extends Attributes<infer S extends Stored> ? S : never
type OptionalIn<T> = {
  [K in keyof T]: undefined extends StoredIn<T[K]> ? K : never
}[keyof T]
type WrittenIn<T> = {
  [K in keyof T]: T[K] extends WrittenField<unknown, JsonValue> ? K : never
}[keyof T]
type WireIn<F> = F extends { readonly wire: Field<infer W extends JsonValue> } ? W : never

/** A record as it is stored. */
export type StoredOf<T extends RecordTable> = {
  readonly [K in Exclude<keyof T, OptionalIn<T>>]: StoredIn<T[K]>
} & { readonly [K in OptionalIn<T>]?: StoredIn<T[K]> }

/** A record as a write makes it, with what has to be one of few texts not looked at yet. */
export type DraftOf<T extends RecordTable> = {
  readonly [K in Exclude<keyof T, OptionalIn<T>>]: StoredIn<T[K]> | WireIn<T[K]>
} & { readonly [K in OptionalIn<T>]?: StoredIn<T[K]> }

/** The fields of the path that the record is written by. */
export type WireFields<T extends RecordTable> = {
  readonly [K in WrittenIn<T>]: Field<WireIn<T[K]>>
}

/** What a request may give of them. */
export type WireInput<T extends RecordTable> = {
  readonly [K in WrittenIn<T>]?: WireIn<T[K]> | undefined
}

type Options = Partial<Pick<Attributes<unknown>, 'leftOut' | 'shown' | 'since'>>

/** A read of what an older version has stored answers as that version did. */
function shownSince({ since = plain.since, shown }: Options): Pick<Attributes<unknown>, 'shown'> {
  return { shown: shown ?? (since === plain.since ? 'always' : 'unless_default') }
}

const plain = {
  leftOut: 'keep',
  shown: 'always',
  decides: false,
  since: '0.1',
  choices: undefined,
  part: undefined,
} as const

/** A field that requests write and that is stored as it came. */
export function stored<W extends JsonValue>(wire: Field<W>, options?: Options): WrittenField<W, W>
export function stored<W extends JsonValue, D extends JsonValue>(
  wire: Field<W>,
  options: Options & { readonly default: D },
): WrittenField<W, W | D>
export function stored(
  wire: Field<JsonValue>,
  options: Options & { readonly default?: JsonValue } = {},
): WrittenField<JsonValue, JsonValue> {
  return { ...plain, default: wire.zero, ...options, ...shownSince(options), wire }
}

/** A text that is one of a few; the first is the default. */
export function choice<const C extends string>(
  choices: readonly [C, ...C[]],
  wire: Field<string>,
  options: Options = {},
): WrittenField<string, C> {
  return { ...plain, ...options, ...shownSince(options), default: choices[0], choices, wire }
}

/** Texts of which each is one of a few; none by default. */
export function choiceList<C extends string>(
  choices: readonly C[],
  wire: Field<readonly string[]>,
  options: Options = {},
): WrittenField<readonly string[], readonly C[]> {
  return { ...plain, ...options, ...shownSince(options), default: [], choices, wire }
}

/** A member that the server sets. */
export function own<S extends Stored>(value: S, options: Pick<Options, 'since'> = {}): OwnField<S> {
  return { ...plain, ...options, shown: 'never', default: value, wire: undefined }
}

/** A member that a record may be without. */
export function optional<S extends Stored>(
  options: Pick<Options, 'since'> = {},
): OwnField<S | undefined> {
  return own<S | undefined>(undefined, options)
}

/** A member that is a record of its own. */
export function part<T extends RecordTable>(
  definition: RecordDefinition<T>,
): OwnField<StoredOf<T>> {
  return { ...own(definition.defaults), part: partOf(definition) }
}

/** A record of its own that may not be there. */
export function optionalPart<T extends RecordTable>(
  definition: RecordDefinition<T>,
): OwnField<StoredOf<T> | undefined> {
  return { ...optional<StoredOf<T>>(), part: partOf(definition) }
}

function partOf<T extends RecordTable>(definition: RecordDefinition<T>): PartDefinition {
  return { table: definition.table, upgrade: (members) => definition.upgrade(members) }
}

/** Every field of the table decides logins. */
export function deciding<T extends RecordTable>(table: T): T {
  return { ...table, ...mapped(table, (one) => ({ ...one, decides: true })) }
}

/** A write replaces all of it: what it leaves out is at its default again. */
export function replacing<T extends RecordTable>(table: T): T {
  return { ...table, ...mapped(table, (one) => ({ ...one, leftOut: 'reset' })) }
}

/** The same members, none of which a request writes or a read shows. */
export function serverSet<T extends RecordTable>(table: T): ServerSet<T> {
  return mapped(table, (one) => ({ ...one, wire: undefined, shown: 'never' })) as ServerSet<T>
}

type ServerSet<T extends RecordTable> = { readonly [K in keyof T]: OwnField<StoredIn<T[K]>> }

function mapped(table: RecordTable, change: (field: RecordField) => RecordField) {
  return Object.fromEntries(Object.entries(table).map(([name, one]) => [name, change(one)]))
}

/** A text that is none of the choices of its field. */
export interface ChoiceProblem {
  readonly field: string
  readonly value: string
  readonly choices: readonly string[]
}

export class RecordDefinition<T extends RecordTable> {
  /** To be spread into the table of a record that has these fields too. */
  readonly table: T
  /** To be spread into the fields of the path. */
  readonly fields: WireFields<T>
  /** A record on which nothing was set yet. */
  readonly defaults: StoredOf<T>
  readonly #fields: readonly (readonly [name: string, field: RecordField])[]
  /** What no record may be without. */
  readonly #required: readonly string[]
  readonly #parts: readonly (readonly [name: string, upgrade: (members: Members) => Members])[]

  constructor(table: T) {
    this.table = table
    this.#fields = Object.entries(table)
    this.#required = this.#fields.flatMap(([name, field]) =>
      field.default === undefined ? [] : [name],
    )
    this.#parts = this.#fields.flatMap(([name, field]) =>
      field.part === undefined ? [] : [[name, field.part.upgrade] as const],
    )
    this.fields = wireFieldsOf(table)
    this.defaults = this.upgrade({})
  }

  /** What was stored, with the default of each member that its version did not know. */
  upgrade(members: Members): StoredOf<T> {
    const record = this.#upgradeParts(members)
    // There are millions of tokens, and nearly all lack nothing.
    if (this.#isWhole(record)) return record
    const whole: Record<string, Stored> = { ...record }
    for (const [name, field] of this.#fields) {
      if (whole[name] === undefined && field.default !== undefined) whole[name] = field.default
    }
    if (!this.#isWhole(whole)) throw new TypeError('a record lacks a member')
    return whole
  }

  #upgradeParts(members: Members): Members {
    let record = members
    for (const [name, upgrade] of this.#parts) {
      const stored = members[name]
      const now = isJsonObject(stored) ? upgrade(stored) : stored
      if (now !== stored) record = { ...record, [name]: now }
    }
    return record
  }

  /** The record with what a request gives; its choices are still to be checked. */
  merge(current: StoredOf<T>, input: WireInput<T>): DraftOf<T> {
    const given: Readonly<Record<string, JsonValue | undefined>> = input
    const merged: Record<string, Stored> = { ...current }
    for (const [name, { wire, leftOut, choices, default: initial }] of this.#fields) {
      if (wire === undefined) continue
      const value = given[name]
      const asksDefault = value === '' && choices !== undefined
      if (value !== undefined && !asksDefault) merged[name] = value
      else if (asksDefault || leftOut === 'reset') merged[name] = initial
    }
    if (!this.#isDraft(merged)) throw new TypeError('a merged record lacks a member')
    return merged
  }

  /** The draft as a record, or its first text that may not be stored. */
  check<D extends DraftOf<T>>(draft: D): Result<D & StoredOf<T>, ChoiceProblem> {
    const problem = this.#choiceProblem(draft)
    if (problem !== undefined) return err(problem)
    if (!this.#isWhole(draft)) throw new TypeError('a record lacks a member')
    return ok(draft)
  }

  /** What a read shows. */
  shown(record: StoredOf<T>): JsonObject {
    const members: Members = record
    const shown: Record<string, JsonValue> = {}
    for (const [name, { shown: when, default: initial }] of this.#fields) {
      const value = members[name]
      const isShown = when === 'always' || (when === 'unless_default' && !isSame(value, initial))
      if (isShown && isShowable(value)) shown[name] = value
    }
    return shown
  }

  /** Whether both decide logins in the same way. */
  decideAlike(a: StoredOf<T>, b: StoredOf<T>): boolean {
    const [one, other]: readonly Members[] = [a, b]
    return this.#fields.every(
      ([name, { decides }]) => !decides || isSame(one?.[name], other?.[name]),
    )
  }

  #choiceProblem(members: Members): ChoiceProblem | undefined {
    for (const [field, { choices = [] }] of this.#fields) {
      const value = members[field]
      const texts: readonly unknown[] = isJsonArray(value) ? value : [value]
      const stranger = texts.find((text) => typeof text === 'string' && !choices.includes(text))
      if (choices.length > 0 && typeof stranger === 'string')
        return { field, value: stranger, choices }
    }
    return undefined
  }

  #isDraft(members: Members): members is DraftOf<T> {
    for (const name of this.#required) if (members[name] === undefined) return false
    return true
  }

  #isWhole<D extends Members>(members: D): members is D & StoredOf<T> {
    return this.#isDraft(members)
  }
}

export function defineRecord<const T extends RecordTable>(table: T): RecordDefinition<T> {
  return new RecordDefinition(table)
}

function wireFieldsOf<T extends RecordTable>(table: T): WireFields<T> {
  const fields: Record<string, Field<unknown>> = {}
  for (const [name, { wire }] of Object.entries(table)) if (wire !== undefined) fields[name] = wire
  return fields as WireFields<T>
}

/** Members of members are not written by requests, and are not shown. */
function isShowable(value: Stored): value is JsonValue {
  return value !== undefined
}

function isSame(one: Stored, other: Stored): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
