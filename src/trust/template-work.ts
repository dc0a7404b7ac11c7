/**
 * What filling in policy templates may cost. The cost is counted in what claims can make large:
 * steps, and the characters and entries that a step looks at. All templates of one role draw on one
 * account, so that many cheap ones do not add up to what a costly one may not take (security case
 * SEC-HTP-17, ruling R12).
 */

import { JsonNumber, type JsonObject, type JsonValue } from '../lib/json.ts'

/** A template that cannot be filled in for these claims; the message names no value of a claim. */
export class TemplateStop extends Error {}

const stepsMax = 20_000
/** So many characters are looked at in the time of one step. */
const charactersPerStep = 64

export class TemplateWork {
  readonly #names = new WeakMap<JsonObject, readonly string[]>()
  #left = stepsMax * charactersPerStep

  step(): void {
    this.look(charactersPerStep)
  }

  steps(count: number): void {
    this.look(count * charactersPerStep)
  }

  /** Pays for that many characters or entries; call it before the work. */
  look(count: number): void {
    this.#left -= count
    if (this.#left < 0) throw new TemplateStop('the template takes too many steps')
  }

  /**
   * Names of an object, gathered once: even to ask whether there is one takes the engine as long as
   * there are many.
   */
  namesOf(object: JsonObject): readonly string[] {
    const known = this.#names.get(object)
    if (known !== undefined) return known
    const names = Object.keys(object)
    this.#names.set(object, names)
    return names
  }
}

/** Characters of the value itself, without what lies inside lists and objects. */
export function sizeOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length
  return value instanceof JsonNumber ? value.text.length : 0
}
