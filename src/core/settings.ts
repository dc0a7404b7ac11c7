/** Settings of the core that come from the server's configuration file. */

export interface CoreSettings {
  /** Seconds. */
  readonly defaultLeaseTtl: number
  readonly maxLeaseTtl: number
  /** What `version` says on the wire. */
  readonly reportedVersion: string
  readonly buildDate: string
  /** `/ui/` is served. */
  readonly ui: boolean
  /** Text of `explain_to_caller` for mounts that set none. */
  /** Logins whose decision is kept; 0 keeps none. */
  readonly loginRecordsMax: number
  readonly explainToCaller: 'none' | 'own_claims' | 'full'
}

export const systemLeaseTtlSeconds = 2_764_800

export const loginRecordsUsual = 10_000
