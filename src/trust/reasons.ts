/**
 * The reasons of refused logins as they are documented; the table itself is `lib/reason-rows.ts`.
 */

import { reasonRows, usualStatus, type Reason, type ReasonRow } from '../lib/reason-rows.ts'

export { isReason, type Reason } from '../lib/reason-rows.ts'

export interface ReasonEntry extends Omit<ReasonRow, 'side' | 'signInSide' | 'status'> {
  readonly status: NonNullable<ReasonRow['status']>
  /** Path below `/ui/help/`. */
  readonly docs: string
}

/** All reasons in the order in which they are documented. */
export const reasonCodes = Object.freeze(Object.keys(reasonRows) as Reason[])

export const reasons: Readonly<Record<Reason, ReasonEntry>> = Object.freeze(
  Object.fromEntries(
    reasonCodes.map((code) => {
      const { title, text, fix, status = usualStatus }: ReasonRow = reasonRows[code]
      return [code, Object.freeze({ title, text, fix, status, docs: `reasons#${code}` })]
    }),
  ) as unknown as Record<Reason, ReasonEntry>,
)

export function reasonStatus(reason: Reason): ReasonEntry['status'] {
  return reasons[reason].status
}
