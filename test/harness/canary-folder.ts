/**
 * Where a run of tests leaves what it knows and what its servers write, so that one test can look for secrets in it:
 * `test/audit/canary.test.ts` names the folder in the environment. Without it nothing is kept.
 */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WantedDevice } from '../../src/core/audit-devices.ts'
import { LineLogger, type Logger } from '../../src/platform/logger.ts'

/** Shorter texts are in any file by chance. */
const secretCharsMin = 24
const folder = process.env['TEST_CANARY_FOLDER']
let servers = 0

/** An audit device for each server of the run. */
export function canaryDevices(): readonly WantedDevice[] {
  if (folder === undefined) return []
  const file_path = join(folder, `audit-${process.pid}-${++servers}.log`)
  return [{ path: 'canary', type: 'file', description: '', local: false, options: { file_path } }]
}

/** A log of everything that a server says, where the test has none of its own. */
export function canaryLogger(): Logger | undefined {
  if (folder === undefined) return undefined
  const path = join(folder, `log-${process.pid}.log`)
  return new LineLogger({
    level: 'trace',
    format: 'json',
    nowMs: () => 0,
    write: (line) => appendFileSync(path, line),
  })
}

const secretMembers: ReadonlySet<string> = new Set([
  ...['client_token', 'token', 'jwt', 'id_token', 'password', 'secret_id', 'code'],
  ...['oidc_client_secret', 'client_secret', 'keys_base64'],
])

/** Remembers the secrets of a call: its token, and the members of its bodies that are known to be secret. */
export function keepSecrets(...values: readonly unknown[]): void {
  if (folder === undefined) return
  const found = new Set<string>()
  for (const value of values) {
    if (typeof value === 'string') found.add(value)
    else collect(value, found)
  }
  const lines = [...found].filter((text) => text.length >= secretCharsMin)
  if (lines.length > 0) {
    appendFileSync(
      join(folder, `secrets-${process.pid}.txt`),
      `${lines.map((text) => JSON.stringify(text)).join('\n')}\n`,
    )
  }
}

function collect(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === 'string' && secretMembers.has(name)) found.add(item)
    else collect(item, found)
  }
}
