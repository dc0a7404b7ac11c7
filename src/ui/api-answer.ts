/**
 * Reads what the pages need from answers of the API; a member of another type is as good as none.
 */

import { isJsonArray, isJsonObject, JsonNumber, member, type JsonObject } from '../lib/json.ts'
import type { ApiResult } from './web-doors.ts'

export function isSuccess({ status }: ApiResult): boolean {
  return status >= 200 && status < 300
}

export function objectAt(object: JsonObject, name: string): JsonObject | undefined {
  const value = member(object, name)
  return isJsonObject(value) ? value : undefined
}

export function textAt(object: JsonObject | undefined, name: string): string {
  const value = object === undefined ? undefined : member(object, name)
  return typeof value === 'string' ? value : ''
}

export function numberAt(object: JsonObject | undefined, name: string): number {
  const value = object === undefined ? undefined : member(object, name)
  return value instanceof JsonNumber ? Number(value.text) : typeof value === 'number' ? value : 0
}

export function textsAt(object: JsonObject | undefined, name: string): readonly string[] {
  const value = object === undefined ? undefined : member(object, name)
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : []
}
