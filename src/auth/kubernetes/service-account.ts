/**
 * The service account that a token speaks of: bound tokens have it in `kubernetes.io`, those of
 * secrets in claims of their own. What is read here is claimed and not proven. Pure.
 */

import { isJsonArray, isJsonObject, member, type JsonObject } from '../../lib/json.ts'

export interface ServiceAccount {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** Of an old token; empty for others. */
  readonly secretName: string
}

const legacy = 'kubernetes.io/serviceaccount/'
const uidCharsMax = 128

/** Undefined for a token of nobody, or of one whose name no cluster gives. */
export function serviceAccountOf(claims: JsonObject): ServiceAccount | undefined {
  const bound = member(claims, 'kubernetes.io')
  const account = isJsonObject(bound) ? member(bound, 'serviceaccount') : undefined
  const found =
    isJsonObject(bound) && isJsonObject(account)
      ? {
          namespace: textOf(bound, 'namespace'),
          name: textOf(account, 'name'),
          uid: textOf(account, 'uid'),
          secretName: '',
        }
      : {
          namespace: textOf(claims, `${legacy}namespace`),
          name: textOf(claims, `${legacy}service-account.name`),
          uid: textOf(claims, `${legacy}service-account.uid`),
          secretName: textOf(claims, `${legacy}secret.name`),
        }
  return isWellFormed(found) ? found : undefined
}

/** RFC 1123: a namespace is a label, the name of an account has dots besides. */
function isWellFormed({ namespace, name, uid, secretName }: ServiceAccount): boolean {
  return (
    /^[a-z0-9-]{1,63}$/.test(namespace) &&
    /^[a-z0-9.-]{1,253}$/.test(name) &&
    /^[A-Za-z0-9-]+$/.test(uid) &&
    uid.length <= uidCharsMax &&
    /^[a-z0-9.-]{0,253}$/.test(secretName)
  )
}

export function userNameOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`
}

/** Texts of `aud`, of a token or of a review. */
export function audiencesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return isJsonArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function textOf(members: JsonObject, name: string): string {
  const value = member(members, name)
  return typeof value === 'string' ? value : ''
}
