/** Times as texts: RFC 3339 in UTC. */

/** Whole seconds when there are no milliseconds: `2026-01-02T03:04:05Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** With nine digits of a second, as Go prints them: `2026-01-02T03:04:05.678000000Z`. */
export function rfc3339Nano(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000000Z')
}
