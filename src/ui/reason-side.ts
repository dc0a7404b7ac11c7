/** Whose side a refusal is on, and what the page says to that (ux.md §3.1: never strand). */

import { isReason, reasonRows, type Side } from '../lib/reason-rows.ts'

export type { Side } from '../lib/reason-rows.ts'

/** Undefined for a reason that is not known here. */
export function sideOf(reason: string): Side | undefined {
  return isReason(reason) ? reasonRows[reason].side : undefined
}

export interface SideText {
  readonly name: string
  readonly text: string
  /** What the reason and the request id are good for. */
  readonly help: string
}

export const sideTexts: Readonly<Record<Side, SideText>> = {
  you: { name: 'Yours', text: 'You can put this right yourself.', help: '' },
  operator: {
    name: 'The operator of this server',
    text: 'Whoever runs this server has to act.',
    help: 'Send them the lines at the bottom of this card.',
  },
  provider: {
    name: 'The identity provider',
    text: 'Whoever runs the identity provider has to act.',
    help: 'The lines at the bottom of this card help them.',
  },
}
