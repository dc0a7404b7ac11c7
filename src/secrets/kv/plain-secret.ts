/**
 * The record of a version 1 secret: its lease in a line of its own, then its JSON text as it is
 * answered.
 */

import { parseDurationSeconds } from '../../lib/duration.ts'
import { JsonNumber, JsonText, member, type JsonObject } from '../../lib/json.ts'
import { encodeJsonInTurns } from '../../lib/json-in-turns.ts'
import type { Turns } from '../../lib/turns.ts'
import type { MountStore } from '../../framework/backend.ts'
import type { Codec, Key } from '../../storage/store.ts'

export const plainPrefix = 's/'

export interface PlainSecret {
  /** From its `ttl` or `lease`; undefined takes the mount's default. */
  readonly leaseSeconds: number | undefined
  readonly body: JsonText
}

/** A read finds the lease without looking into the body. */
const codec: Codec<PlainSecret> = {
  encode: ({ leaseSeconds, body }) => `${leaseSeconds ?? ''}\n${body.text}`,
  decode: (text) => {
    const line = text.indexOf('\n')
    const lease = text.slice(0, line)
    return {
      leaseSeconds: lease === '' ? undefined : Number(lease),
      body: new JsonText(text.slice(line + 1)),
    }
  },
}

export function plainKey(store: MountStore, path: string): Key<PlainSecret> {
  return store.key(plainPrefix + path, codec)
}

export async function plainSecret(data: JsonObject, turns: Turns): Promise<PlainSecret> {
  const text = await encodeJsonInTurns(data, turns)
  return { leaseSeconds: leaseOf(data), body: new JsonText(text) }
}

function leaseOf(data: JsonObject): number | undefined {
  const given = member(data, 'ttl') ?? member(data, 'lease')
  const text =
    typeof given === 'number' ? String(given) : given instanceof JsonNumber ? given.text : given
  if (typeof text !== 'string') return undefined
  const seconds = parseDurationSeconds(text)
  return seconds === undefined || seconds < 0 ? undefined : seconds
}
