/** A value or a reason for its absence. Checks return it; only the shell around them throws. */

export interface Ok<T> {
  readonly ok: true
  readonly value: T
}

export interface Err<R> {
  readonly ok: false
  readonly error: R
}

export type Result<T, R> = Ok<T> | Err<R>

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

export function err<R>(error: R): Err<R> {
  return { ok: false, error }
}
