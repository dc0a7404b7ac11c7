/**
 * An unexpected error in words for a log: its kind and where it happened, never its message, which
 * may hold what a client sent.
 */

const placesMax = 8

export function describeFault(fault: unknown): string {
  if (!(fault instanceof Error)) return typeof fault
  const code = 'code' in fault && isWord(fault.code) ? fault.code : undefined
  return [fault.name, ...(code === undefined ? [] : [code]), ...placesOf(fault)].join(' ')
}

/** A code such as ENOSPC tells an operator more than the place. */
function isWord(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)
}

/** Lines of the stack behind the message, in whose lines anything may stand. */
function placesOf({ message, stack = '' }: Error): readonly string[] {
  const at = stack.indexOf(message)
  // A message that was changed later cannot be told from the places, so nothing is shown.
  if (at < 0) return []
  const places: string[] = []
  for (const line of stack.slice(at + message.length).split('\n')) {
    if (places.length === placesMax) break
    if (/^ {4}at /.test(line)) places.push(line.trim())
  }
  return places
}
