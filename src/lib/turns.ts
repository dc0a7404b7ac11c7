/**
 * Work that is long is done a piece at a time, with a turn of the event loop between the pieces for
 * everybody else.
 */

/** What a clock can: run work when what else is waiting has had its turn. */
export interface Turns {
  soon(work: () => void): void
}

export function turn(turns: Turns): Promise<void> {
  return new Promise((resolve) => turns.soon(resolve))
}
