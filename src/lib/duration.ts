/**
 * Durations as Vault's API and policies write them: whole seconds, Go durations (`1h30m`, `300ms`),
 * whole days (`7d`). platform.md §1.8. Results are milliseconds or whole seconds, as the name of
 * the function says.
 */

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const secondsMax = 9_223_372_036

/** Milliseconds, or undefined when the text is no duration. The empty text is zero. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '') return 0
  if (text.length > 64) return undefined
  const negative = text.startsWith('-')
  const body = negative || text.startsWith('+') ? text.slice(1) : text
  const size = digitsOnly(body) ? Number(body) * 1000 : (daysMs(body) ?? goDurationMs(body))
  if (size === undefined || size > secondsMax * 1000) return undefined
  return negative ? -size : size
}

/** Whole seconds, cut towards zero, or undefined when the text is no duration. */
export function parseDurationSeconds(text: string): number | undefined {
  const ms = parseDurationMs(text)
  if (ms === undefined) return undefined
  const seconds = Math.trunc(ms / 1000)
  return seconds === 0 ? 0 : seconds
}

/** Go's own text of a duration of whole seconds: `768h0m0s`, `1m30s`, `0s`. */
export function goDuration(seconds: number): string {
  const sign = seconds < 0 ? '-' : ''
  const all = Math.abs(seconds)
  const hours = Math.floor(all / 3600)
  const minutes = Math.floor((all % 3600) / 60)
  const rest = all % 60
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}s`
  if (minutes > 0) return `${sign}${minutes}m${rest}s`
  return `${sign}${rest}s`
}

/** The same without trailing zero units, as warnings write it: `768h`, `1h30m`, `10s`. */
export function shortDuration(seconds: number): string {
  const sign = seconds < 0 ? '-' : ''
  const all = Math.abs(seconds)
  const hours = Math.floor(all / 3600)
  const minutes = Math.floor((all % 3600) / 60)
  const rest = all % 60
  const text =
    (hours > 0 ? `${hours}h` : '') +
    (minutes > 0 ? `${minutes}m` : '') +
    (rest > 0 ? `${rest}s` : '')
  return text === '' ? '0s' : sign + text
}

function digitsOnly(text: string): boolean {
  if (text === '') return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function daysMs(text: string): number | undefined {
  if (!text.endsWith('d')) return undefined
  const days = text.slice(0, -1)
  return digitsOnly(days) ? Number(days) * 86_400_000 : undefined
}

function goDurationMs(text: string): number | undefined {
  let total = 0
  let at = 0
  while (at < text.length) {
    const numberStart = at
    while (at < text.length && isNumberCode(text.charCodeAt(at))) at++
    const number = text.slice(numberStart, at)
    const dots = number.split('.').length - 1
    if (number === '' || number === '.' || dots > 1) return undefined
    const unitStart = at
    while (at < text.length && !isNumberCode(text.charCodeAt(at))) at++
    const unit = text.slice(unitStart, at)
    const size = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined
    if (size === undefined) return undefined
    total += Number(number) * size
  }
  return text === '' ? undefined : total
}

function isNumberCode(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e
}
