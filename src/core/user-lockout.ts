/**
 * `user_lockout_config` of a mount (platform.md §2.3, §2.11): how it is written, stored, shown and
 * read. The lock itself is `framework/lockout.ts`.
 */

import type { UserLockout } from '../framework/backend.ts'
import { invalid } from '../framework/refusal.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../lib/json.ts'
import { field, type Field } from '../schema/field.ts'

const fields = {
  lockout_threshold: field.int({ help: 'Wrong attempts until a name is locked.' }),
  lockout_duration: field.duration({ help: 'How long it stays locked.' }),
  lockout_counter_reset_duration: field.duration({ help: 'When a failure counts no more.' }),
  lockout_disable: field.bool({ help: 'Nobody is locked out.' }),
} as const

type Setting = keyof typeof fields

const standard: UserLockout = {
  threshold: 5,
  durationSeconds: 900,
  counterResetSeconds: 900,
  isDisabled: false,
}

/** A lock without an end, and a counter that never forgets, would be a stranger's to close. */
const secondsMax = 86_400
const thresholdMax = 1_000_000

/** The stored settings with what a request gives; throws a 400 that names what cannot be. */
export function parseUserLockout(given: JsonValue, stored: unknown): JsonObject | undefined {
  if (given === null || given === '') return undefined
  if (!isJsonObject(given)) throw invalid("'user_lockout_config' must be an object")
  const settings: Record<string, JsonValue> = {}
  for (const name of names) {
    const value = read(name, given) ?? read(name, isStored(stored) ? stored : {})
    if (value !== undefined) settings[name] = value
  }
  if (Number(settings['lockout_threshold'] ?? 1) < 1) {
    throw invalid("'lockout_threshold' must be at least 1; 'lockout_disable' turns the lock off")
  }
  for (const name of ['lockout_duration', 'lockout_counter_reset_duration'] as const) {
    const seconds = Number(settings[name] ?? 1)
    if (seconds < 1 || seconds > secondsMax) {
      throw invalid(`'${name}' must be between 1 second and ${secondsMax} seconds`)
    }
  }
  return settings
}

/** What is stored as it counts; an older version has stored anything. */
export function userLockoutOf(stored: JsonObject | undefined): UserLockout {
  if (stored === undefined) return standard
  const number = (name: Setting, max: number): number | undefined => {
    const parsed = fields[name].parse(stored[name] ?? null)
    const value = parsed.ok ? Number(parsed.value) : 0
    return value >= 1 && value <= max ? value : undefined
  }
  const disabled = fields.lockout_disable.parse(stored['lockout_disable'] ?? null)
  return {
    threshold: number('lockout_threshold', thresholdMax) ?? standard.threshold,
    durationSeconds: number('lockout_duration', secondsMax) ?? standard.durationSeconds,
    counterResetSeconds:
      number('lockout_counter_reset_duration', secondsMax) ?? standard.counterResetSeconds,
    isDisabled: disabled.ok && disabled.value,
  }
}

/** As a read shows it. */
export function shownUserLockout(stored: JsonObject | undefined): JsonObject | undefined {
  if (stored === undefined) return undefined
  const { threshold, durationSeconds, counterResetSeconds, isDisabled } = userLockoutOf(stored)
  return {
    user_lockout_threshold: threshold,
    user_lockout_duration: durationSeconds,
    user_lockout_counter_reset_duration: counterResetSeconds,
    user_lockout_disable: isDisabled,
  }
}

const names: readonly Setting[] = [
  'lockout_threshold',
  'lockout_duration',
  'lockout_counter_reset_duration',
  'lockout_disable',
]

function read(name: Setting, members: JsonObject): JsonValue | undefined {
  const value = members[name]
  if (value === undefined || value === null) return undefined
  const one: Field<number | boolean> = fields[name]
  const parsed = one.parse(value)
  if (!parsed.ok) throw invalid(`invalid '${name}': ${parsed.error}`)
  return parsed.value
}

function isStored(stored: unknown): stored is JsonObject {
  return typeof stored === 'object' && stored !== null
}
