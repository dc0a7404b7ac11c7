/**
 * What a CEL program answered, read strictly (jwt-oidc.md §6.4): a login is granted by a `pb.Auth`
 * whose every member is of its type, and by nothing else.
 */

import { isCelList, isCelMap, type CelMap, type CelValue } from '@bufbuild/cel'
import { parseCidr } from '../lib/cidr.ts'
import { isJsonObject, parseJson, requestJsonLimits, type JsonObject } from '../lib/json.ts'
import { kindKey } from './cel-syntax.ts'
import type { CelAnswer, CelGrant } from './cel-program.ts'

class Unacceptable extends Error {
  override readonly name = 'Unacceptable'
}

export function readAnswer(value: CelValue): CelAnswer {
  if (value === false) return { kind: 'blocked', text: undefined }
  if (typeof value === 'string') return { kind: 'blocked', text: value }
  if (!isCelMap(value) || value.get(kindKey) !== 'pb.Auth') {
    return { kind: 'failed', detail: 'unexpected type of the result' }
  }
  try {
    return { kind: 'grant', grant: readGrant(value) }
  } catch (problem) {
    if (!(problem instanceof Unacceptable)) throw problem
    return { kind: 'failed', detail: problem.message }
  }
}

/** The members of each kind; what the core overwrites may stand there and is not read. */
const members: Readonly<Record<string, ReadonlySet<string>>> = {
  'pb.Auth': wordsOf(
    'policies display_name metadata alias group_aliases bound_cidrs num_uses period',
    'explicit_max_ttl lease_options token_type no_default_policy internal_data',
    'client_token accessor entity_id token_policies identity_policies',
  ),
  'pb.LeaseOptions': wordsOf('TTL MaxTTL renewable issue_time'),
  'logical.Alias': wordsOf(
    'name metadata custom_metadata id local namespace_id mount_type mount_accessor',
  ),
}

function wordsOf(...texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.flatMap((text) => text.split(' ')))
}

function readGrant(auth: CelMap): CelGrant {
  checkMembers(auth, 'pb.Auth')
  const lease = messageOf(auth, 'lease_options', 'pb.LeaseOptions')
  const alias = messageOf(auth, 'alias', 'logical.Alias')
  return {
    alias: alias === undefined ? undefined : aliasOf(alias),
    groups: listOf(auth, 'group_aliases').map((one) => {
      if (!isCelMap(one) || one.get(kindKey) !== 'logical.Alias') {
        throw wrong('group_aliases', 'a list of logical.Alias')
      }
      return aliasOf(one).name
    }),
    policies: textsOf(auth, 'policies'),
    noDefaultPolicy: flagOf(auth, 'no_default_policy', false),
    displayName: textOf(auth, 'display_name'),
    metadata: textMapOf(auth, 'metadata'),
    boundCidrs: cidrsOf(auth),
    numUses: countOf(auth, 'num_uses'),
    ttlSeconds: secondsOf(lease, 'TTL'),
    maxTtlSeconds: secondsOf(lease, 'MaxTTL'),
    periodSeconds: secondsOf(auth, 'period'),
    explicitMaxTtlSeconds: secondsOf(auth, 'explicit_max_ttl'),
    renewable: lease === undefined || flagOf(lease, 'renewable', true),
    tokenType: tokenTypeOf(auth),
    internalData: dataOf(auth),
  }
}

function checkMembers(message: CelMap, kind: string): void {
  for (const name of message.keys()) {
    if (name === kindKey || members[kind]?.has(String(name)) === true) continue
    throw new Unacceptable(`no such field ${JSON.stringify(String(name).slice(0, 64))} in ${kind}`)
  }
}

function messageOf(message: CelMap, name: string, kind: string): CelMap | undefined {
  const value = message.get(name)
  if (value === undefined || value === null) return undefined
  if (!isCelMap(value) || value.get(kindKey) !== kind) throw wrong(name, kind)
  checkMembers(value, kind)
  return value
}

function aliasOf(alias: CelMap): NonNullable<CelGrant['alias']> {
  checkMembers(alias, 'logical.Alias')
  const name = textOf(alias, 'name')
  if (name === '' || name.includes('\0')) throw wrong('name', 'a name that is not empty')
  return { name, metadata: textMapOf(alias, 'metadata') }
}

function textOf(message: CelMap, name: string): string {
  const value = message.get(name) ?? ''
  if (typeof value !== 'string') throw wrong(name, 'a string')
  return value
}

function flagOf(message: CelMap, name: string, absent: boolean): boolean {
  const value = message.get(name) ?? absent
  if (typeof value !== 'boolean') throw wrong(name, 'true or false')
  return value
}

function listOf(message: CelMap, name: string): readonly CelValue[] {
  const value = message.get(name)
  if (value === undefined) return []
  if (!isCelList(value)) throw wrong(name, 'a list')
  return [...value]
}

function textsOf(message: CelMap, name: string): readonly string[] {
  const values = listOf(message, name)
  const texts = values.filter((one) => typeof one === 'string')
  if (texts.length < values.length) throw wrong(name, 'a list of strings')
  return texts
}

function textMapOf(message: CelMap, name: string): Readonly<Record<string, string>> {
  const value = message.get(name)
  if (value === undefined) return {}
  if (!isCelMap(value)) throw wrong(name, 'a map of strings')
  const entries: (readonly [string, string])[] = []
  for (const [key, text] of value) {
    // Ruling R10: NUL ends a string for some of those who will read the metadata.
    if (typeof key !== 'string' || typeof text !== 'string' || text.includes('\0')) {
      throw wrong(name, 'a map of strings')
    }
    entries.push([key, text])
  }
  return Object.fromEntries(entries)
}

function cidrsOf(auth: CelMap): readonly string[] {
  const texts = textsOf(auth, 'bound_cidrs')
  for (const text of texts) {
    if (parseCidr(text) === undefined) throw wrong('bound_cidrs', 'a list of addresses or networks')
  }
  return texts
}

/** A whole number that is not negative; a double of that value is one too. */
function countOf(message: CelMap | undefined, name: string): number {
  const value = message?.get(name) ?? 0
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) {
    throw wrong(name, 'a whole number of at least 0')
  }
  return number
}

const nanosecondsPerSecond = 1_000_000_000

/** Written in nanoseconds. */
function secondsOf(message: CelMap | undefined, name: string): number {
  return Math.floor(countOf(message, name) / nanosecondsPerSecond)
}

const tokenTypes = ['default', 'service', 'batch'] as const

function tokenTypeOf(auth: CelMap): CelGrant['tokenType'] {
  const type = tokenTypes[countOf(auth, 'token_type')]
  if (type === undefined) throw wrong('token_type', '0 (default), 1 (service) or 2 (batch)')
  return type
}

function dataOf(auth: CelMap): JsonObject | undefined {
  const text = textOf(auth, 'internal_data')
  if (text === '') return undefined
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) throw wrong('internal_data', 'a JSON object')
  return parsed.value
}

function wrong(name: string, what: string): Unacceptable {
  return new Unacceptable(`the field ${name} needs ${what}`)
}
