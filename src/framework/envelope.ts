/**
 * The envelope of answers as text (platform.md §1.2): what goes out, and what is kept of an answer
 * that is wrapped, are the same bytes.
 */

import { encodeJson, JsonText, type JsonObject } from '../lib/json.ts'
import type { AuthFields, EnvelopeBody, WrapInfo } from './api.ts'

/** The text of an answer in the envelope; all eight keys are always there. */
export function envelopeText(requestId: string, body: EnvelopeBody): string {
  const data = body.data === null ? 'null' : encodeJson(body.data)
  return (
    // The outer body of a wrapped answer has no id of its own (platform.md §1.10).
    `{"request_id":"${body.wrapInfo === null ? requestId : ''}","lease_id":${JSON.stringify(body.leaseId)},` +
    `"renewable":${body.renewable},"lease_duration":${body.leaseSeconds},"data":${data},` +
    `"wrap_info":${body.wrapInfo === null ? 'null' : wrapInfoText(body.wrapInfo)},` +
    `"warnings":${body.warnings.length === 0 ? 'null' : JSON.stringify(body.warnings)},` +
    `"auth":${body.auth === null ? 'null' : authText(body.auth)}` +
    `${body.duplicateData && body.data !== null ? repeatedMembers(body.data, data) : ''}}\n`
  )
}

const envelopeNames = new Set([
  'request_id',
  'lease_id',
  'renewable',
  'lease_duration',
  'data',
  'wrap_info',
  'warnings',
  'auth',
])

/** Vault compatibility: the members of `data` once more beside the keys of the envelope. */
function repeatedMembers(data: JsonObject | JsonText, dataText: string): string {
  if (data instanceof JsonText) {
    const inner = dataText.trim().slice(1, -1).trim()
    return inner === '' ? '' : `,${inner}`
  }
  let text = ''
  for (const name of Object.keys(data)) {
    const value = data[name]
    if (value === undefined || envelopeNames.has(name)) continue
    text += `,${JSON.stringify(name)}:${encodeJson(value)}`
  }
  return text
}

function authText(auth: AuthFields): string {
  const { token_policies: own, identity_policies: identity } = auth
  return (
    `{"client_token":${JSON.stringify(auth.client_token)},"accessor":${JSON.stringify(auth.accessor)},` +
    `"policies":${JSON.stringify(auth.policies)},` +
    (own.length === 0 ? '' : `"token_policies":${JSON.stringify(own)},`) +
    (identity.length === 0 ? '' : `"identity_policies":${JSON.stringify(identity)},`) +
    `"metadata":${JSON.stringify(auth.metadata)},"lease_duration":${auth.lease_duration},` +
    `"renewable":${auth.renewable},"entity_id":${JSON.stringify(auth.entity_id)},` +
    `"token_type":"${auth.token_type}","orphan":${auth.orphan},"mfa_requirement":null,` +
    `"num_uses":${auth.num_uses}}`
  )
}

function wrapInfoText(info: WrapInfo): string {
  return JSON.stringify({
    token: info.token,
    accessor: info.accessor,
    ttl: info.ttl,
    creation_time: info.creation_time,
    creation_path: info.creation_path,
    wrapped_accessor: info.wrapped_accessor,
  })
}
