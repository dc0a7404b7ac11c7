/** The tree that HCL and its JSON twin are read into; every part knows its place in the text. */

import type { HclPosition } from './hcl-scan.ts'

export interface HclLimits {
  /** Levels of lists and objects inside the text itself. */
  readonly depthMax: number
  /** UTF-16 units of the whole text. */
  readonly lengthMax: number
}

export interface HclString extends HclPosition {
  readonly kind: 'string'
  readonly value: string
}

export interface HclNumber extends HclPosition {
  readonly kind: 'number'
  readonly value: number
  /** As written: may be hexadecimal, octal, or hold more digits than `value` can. */
  readonly text: string
}

export interface HclBool extends HclPosition {
  readonly kind: 'bool'
  readonly value: boolean
}

/** Only JSON has it. */
export interface HclNull extends HclPosition {
  readonly kind: 'null'
}

export interface HclList extends HclPosition {
  readonly kind: 'list'
  readonly values: readonly HclValue[]
}

/**
 * The items of a block, of an object, or of the whole text, in their order; a name may come twice.
 */
export interface HclBody extends HclPosition {
  readonly kind: 'body'
  readonly items: readonly HclItem[]
}

export type HclValue = HclString | HclNumber | HclBool | HclNull | HclList | HclBody

export interface HclLabel extends HclPosition {
  readonly text: string
}

/** `name = value`, or `name "label" "label" { ... }`. Position is that of the name. */
export interface HclItem extends HclPosition {
  readonly name: string
  readonly labels: readonly HclLabel[]
  readonly value: HclValue
}

/** One block in whatever form it was written: labels, nested objects, or lists of objects. */
export interface HclBlock extends HclPosition {
  readonly labels: readonly HclLabel[]
  readonly body: HclBody
}
