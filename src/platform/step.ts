/**
 * The end of the present step of the event loop: all that is running now has come to a wait, and no
 * new input is looked at yet.
 */

/** Runs `work` then. */
export function atEndOfStep(work: () => void): void {
  process.nextTick(work)
}
