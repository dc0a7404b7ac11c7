/**
 * The headers of a login that comes with a request (platform.md §1.6.1). Each is read once and
 * strictly: what two readers could take for two logins is refused, and no text says a value.
 */

import { isUtf8 } from 'node:buffer'

import { inlineLoginRefused, type InlineLogin } from '../framework/inline-login.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { decodeBase64Url } from '../lib/base64url.ts'
import {
  emptyObject,
  isJsonObject,
  parseJson,
  requestJsonLimits,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { trimEnds } from '../lib/trim.ts'
import { decodeUtf8 } from '../lib/utf8.ts'
import { parseRequestTarget } from './request-target.ts'

const prefix = 'x-vault-inline-auth-'
const parameterPrefix = `${prefix}parameter-`
const pathHeader = `${prefix}path`
const operationHeader = `${prefix}operation`
const namespaceHeader = `${prefix}namespace`

const parametersMax = 32
const keyCharsMax = 256
const shownNameCharsMax = 96

const parameterLimits: JsonLimits = {
  ...requestJsonLimits,
  entriesTotalMax: 10_000,
  duplicates: 'refuse',
}

/** Whether a header as it was written belongs to such a login. */
export function isInlineAuth(name: string): boolean {
  return name.length >= prefix.length && name.toLowerCase().startsWith(prefix)
}

/**
 * The login of a request that has headers of one, from its headers as they came; throws a 400 that
 * names the header.
 */
export function requireInlineLogin(
  rawHeaders: readonly string[],
  shown: { readonly token: string | undefined; readonly namespace: string },
): InlineLogin {
  try {
    if (shown.token !== undefined) throw invalid(`${prefix}* and a token cannot be sent together`)
    return readLogin(rawHeaders, shown.namespace)
  } catch (problem) {
    throw problem instanceof Refusal ? inlineLoginRefused(problem) : problem
  }
}

function readLogin(rawHeaders: readonly string[], namespaceOfRequest: string): InlineLogin {
  const headers = gather(rawHeaders)
  const path = headers.get(pathHeader)
  if (path === undefined || path === '') throw invalid(`the header ${pathHeader} is missing`)
  if (!['', 'update'].includes(headers.get(operationHeader) ?? '')) {
    throw invalid(`${operationHeader} must be update: a login has no other operation`)
  }
  const namespace = headers.get(namespaceHeader) ?? ''
  return {
    path: readPath(path),
    namespace: namespace === '' ? namespaceOfRequest : trimEnds(namespace, '/'),
    data: readParameters(headers),
  }
}

/** By name in lower case. */
function gather(rawHeaders: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const written = rawHeaders[i] ?? ''
    if (!isInlineAuth(written)) continue
    const name = written.toLowerCase()
    if (headers.has(name)) throw invalid(`the header ${shown(name)} is there twice`)
    if (!known.has(name) && !name.startsWith(parameterPrefix)) {
      throw invalid(`the header ${shown(name)} is not known`)
    }
    headers.set(name, rawHeaders[i + 1] ?? '')
  }
  return headers
}

const known: ReadonlySet<string> = new Set([pathHeader, operationHeader, namespaceHeader])

/** By the one reader of paths: what is judged is what a request with that path would reach. */
function readPath(text: string): string {
  try {
    const { path } = parseRequestTarget(text.startsWith('/') ? text : `/${text}`)
    if (!text.includes('?') && path.length > 1 && !path.endsWith('/')) return path.slice(1)
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem
  }
  throw invalid(`${pathHeader} is no path of a login`)
}

function readParameters(headers: ReadonlyMap<string, string>): JsonObject {
  const data = emptyObject()
  let count = 0
  for (const [name, text] of headers) {
    if (!name.startsWith(parameterPrefix)) continue
    if (++count > parametersMax) {
      throw invalid(`there are more than ${parametersMax} headers ${parameterPrefix}*`)
    }
    const { key, value } = readParameter(shown(name), text)
    if (Object.hasOwn(data, key)) throw invalid(`${shown(name)} has the key of another header`)
    data[key] = value
  }
  return data
}

function readParameter(
  name: string,
  text: string,
): { readonly key: string; readonly value: JsonValue } {
  const bytes = decodeBase64Url(text)
  if (bytes === undefined || bytes.length === 0) {
    throw invalid(`${name} is not URL-safe base64 without padding`)
  }
  const parsed = isUtf8(bytes) ? parseJson(decodeUtf8(bytes), parameterLimits) : undefined
  if (parsed?.ok !== true || !isJsonObject(parsed.value)) {
    throw invalid(`${name} is not the base64 of a JSON object`)
  }
  const { key, value, ...others } = parsed.value
  if (key === undefined || value === undefined || Object.keys(others).length > 0) {
    throw invalid(`${name} must have the members key and value, and no others`)
  }
  if (typeof key !== 'string' || key === '' || key.length > keyCharsMax) {
    throw invalid(`the key of ${name} must be a text of 1 to ${keyCharsMax} characters`)
  }
  return { key, value }
}

function shown(name: string): string {
  return name.length > shownNameCharsMax ? `${name.slice(0, shownNameCharsMax)}…` : name
}
