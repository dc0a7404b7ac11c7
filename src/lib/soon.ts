/**
 * What is there already, or will be. A promise for what is in memory costs more than most steps of
 * a request do, and makes it run in pieces; so the way of a request goes on at once where nothing
 * has to be waited for, and the same way waits where something has.
 */

export type Soon<T> = T | Promise<T>

/** Goes on with the value: at once when it is there. */
export function after<T, U>(value: Soon<T>, goOn: (value: T) => Soon<U>): Soon<U> {
  return value instanceof Promise ? value.then(goOn) : goOn(value)
}

/** Goes on with what comes of the work, or with why nothing does. */
export function conclude<T, U>(
  work: () => Soon<T>,
  finish: (value: T) => Soon<U>,
  failed: (problem: unknown) => Soon<U>,
): Soon<U> {
  let value: Soon<T>
  try {
    value = work()
  } catch (problem) {
    return failed(problem)
  }
  return value instanceof Promise ? value.then(finish, failed) : finish(value)
}
