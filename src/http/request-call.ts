/** What a request asks for: verb, path and fields, by its method (platform.md §1.5, §1.7). */

import type { PathTraits, PathTraitsOf, Verb } from '../framework/api.ts'
import { requireNoDryRun, requireNoDryRunIn } from '../framework/dry-run.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { emptyObject, type JsonObject } from '../lib/json.ts'
import { after, type Soon } from '../lib/soon.ts'
import { mediaType } from './request-body.ts'
import {
  parsePairs,
  queryData,
  queryValue,
  requireNoRepeats,
  requireQueryBool,
  type QueryPair,
} from './request-query.ts'

export interface Call {
  readonly verb: Verb
  readonly path: string
  /** Undefined when nobody may hear what the body says. */
  readonly data: JsonObject | undefined
}

export interface CallSource {
  readonly method: string
  /** Behind `/v1/`. */
  readonly path: string
  readonly query: string
  readonly contentType: string | undefined
  readonly hasBody: boolean
  readonly traitsOf: PathTraitsOf
  readonly readFields: (traits: PathTraits, verb: Verb) => Soon<JsonObject | undefined>
}

const switches = ['help', 'list', 'scan']

/** Throws a refusal for a method nobody serves, and for a query or a body that cannot be read. */
export function readCall(source: CallSource): Soon<Call> {
  const { method, path } = source
  switch (method) {
    case 'GET':
      return getCall(source)
    case 'LIST':
      return queryCall(source, 'list', folder(path), switches)
    case 'SCAN':
      return queryCall(source, 'scan', folder(path), switches)
    case 'HELP':
      return { verb: 'help', path, data: emptyObject() }
    case 'HEAD':
      return queryCall(source, 'header', path, ['help'])
    case 'DELETE':
      return deleteCall(source)
    case 'POST':
    case 'PUT':
      return bodyCall(source, 'write')
    case 'PATCH': {
      const type = source.contentType ?? ''
      if (mediaType(type) !== 'application/merge-patch+json') {
        throw new Refusal('media_type_unsupported', {
          text: `PATCH requires Content-Type of application/merge-patch+json, provided ${type}`,
        })
      }
      return bodyCall(source, 'patch')
    }
    default:
      throw new Refusal('verb_unsupported')
  }
}

function getCall(source: CallSource): Call {
  const { path, query } = source
  const pairs = parsePairs(query)
  if ((queryValue(pairs, 'help') ?? '') !== '') {
    return { verb: 'help', path, data: queryData(pairs, switches) }
  }
  const isList = requireQueryBool(pairs, 'list')
  const isScan = requireQueryBool(pairs, 'scan')
  if (isList && isScan) throw invalid('list and scan cannot both be asked for')
  if (isList) return queryCall(source, 'list', folder(path), switches, pairs)
  return isScan
    ? queryCall(source, 'scan', folder(path), switches, pairs)
    : queryCall(source, 'read', path, switches, pairs)
}

function queryCall(
  source: CallSource,
  verb: Verb,
  path: string,
  reserved: readonly string[],
  pairs: readonly QueryPair[] = parsePairs(source.query),
): Call {
  if (pairs.length > 1 && source.traitsOf(path, verb).repeats === 'refuse') requireNoRepeats(pairs)
  return { verb, path, data: queryData(pairs, reserved) }
}

/** Its body is ignored (platform.md §1.5), unless it says that the delete is to be tried only. */
function deleteCall(source: CallSource): Soon<Call> {
  const { path, hasBody, readFields, traitsOf } = source
  const call = queryCall(source, 'delete', path, ['help'])
  if (!hasBody) return call
  return after(readFields(traitsOf(path, 'delete'), 'delete'), (body) => {
    if (body !== undefined) requireNoDryRunIn(body)
    return call
  })
}

function bodyCall(source: CallSource, verb: 'write' | 'patch'): Soon<Call> {
  const { path, query, readFields, traitsOf } = source
  if (path.endsWith('/')) throw invalid("cannot write to a path ending in '/'")
  if (/dry_run|%/i.test(query)) requireNoDryRun(parsePairs(query))
  return after(readFields(traitsOf(path, verb), verb), (data) => ({ verb, path, data }))
}

function folder(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}
