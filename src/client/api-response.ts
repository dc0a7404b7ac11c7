/** An answer of the server, read and not judged: status, headers, text, and the JSON in it. */

import type { JsonValue } from '../lib/json.ts'

export interface ApiResponse {
  readonly method: string
  /** Without its query, which may carry what a log should not. */
  readonly url: string
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  /** Undefined when the body is empty or not JSON. */
  readonly json: JsonValue | undefined
}
