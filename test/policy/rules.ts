/** Short spelling of rules and requests for the policy tests. */

import assert from 'node:assert/strict'
import { compileAcl, type Acl, type Operation } from '../../src/core/policy/acl.ts'
import { parsePolicy, type Policy } from '../../src/core/policy/policy.ts'
import { parseJson, requestJsonLimits, type JsonObject, isJsonObject } from '../../src/lib/json.ts'

const words: Readonly<Record<string, string>> = {
  r: 'read',
  u: 'update',
  c: 'create',
  d: 'delete',
  l: 'list',
  p: 'patch',
  s: 'sudo',
  n: 'scan',
}

/** `a/b* ru; c deny; d -` as a policy; `-` is an empty list. */
export function ruleText(rules: string): string {
  return rules
    .split(';')
    .filter((rule) => rule.trim() !== '')
    .map((rule) => {
      const [path = '', letters = ''] = rule.trim().split(' ')
      const names =
        letters === 'deny'
          ? ['deny']
          : letters
              .replace('-', '')
              .split('')
              .map((letter) => words[letter])
      return `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(names)} }`
    })
    .join('\n')
}

export function policyOf(text: string, name = 'p'): Policy {
  const parsed = parsePolicy(name, text)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return parsed.value
}

/** One text per policy: P1, P2 and so on. */
export function aclOf(...texts: readonly string[]): Acl {
  return compileAcl(texts.map((text, i) => policyOf(text, `P${i + 1}`)))
}

export function isAllowed(acl: Acl, operation: Operation, path: string): boolean {
  return acl.decide({ path, operation, wrapTtlSeconds: 0, sudoRequired: false }).allowed
}

/** A request's data as the server reads it. */
export function dataOf(text: string): JsonObject {
  const parsed = parseJson(text, requestJsonLimits)
  assert.ok(parsed.ok && isJsonObject(parsed.value))
  return parsed.value
}
