/**
 * Label selectors of Kubernetes (`metav1.LabelSelector`): labels that have to be there, and
 * expressions about them. All of it has to hold. Pure.
 */

import { isJsonArray, isJsonObject, parseJson, requestJsonLimits } from '../../lib/json.ts'
import type { JsonObject, JsonValue } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const
type Operator = (typeof operators)[number]

interface Requirement {
  readonly key: string
  readonly operator: Operator
  readonly values: readonly string[]
}

export type LabelSelector = readonly Requirement[]

/** Requirements, and values of one of them. */
const partsMax = 64

/** A selector written as JSON; the error says what is wrong with it. */
export function parseLabelSelector(text: string): Result<LabelSelector, string> {
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) return err('it is no JSON object')
  const { matchLabels = {}, matchExpressions = [], ...others } = parsed.value
  if (Object.keys(others).length > 0) return err('it has members besides those of a selector')
  if (!isJsonObject(matchLabels)) return err('matchLabels is no object')
  if (!isJsonArray(matchExpressions)) return err('matchExpressions is no list')
  const requirements: Requirement[] = []
  for (const [key, value] of Object.entries(matchLabels)) {
    if (typeof value !== 'string') return err('a label of matchLabels is no text')
    requirements.push({ key, operator: 'In', values: [value] })
  }
  for (const expression of matchExpressions) {
    const requirement = parseExpression(expression)
    if (requirement === undefined) return err('an element of matchExpressions is no expression')
    requirements.push(requirement)
  }
  // An empty one would match every namespace.
  if (requirements.length === 0) return err('it selects nothing')
  return requirements.length > partsMax ? err('it has too many parts') : ok(requirements)
}

function parseExpression(value: JsonValue): Requirement | undefined {
  if (!isJsonObject(value)) return undefined
  const { key, operator, values = [] } = value
  const known = operators.find((one) => one === operator)
  if (typeof key !== 'string' || key === '' || known === undefined || !isJsonArray(values)) {
    return undefined
  }
  const texts = values.filter((one) => typeof one === 'string')
  const hasAll = texts.length === values.length && texts.length <= partsMax
  const needsValues = known === 'In' || known === 'NotIn'
  if (!hasAll || needsValues !== texts.length > 0) return undefined
  return { key, operator: known, values: texts }
}

export function selectorMatches(selector: LabelSelector, labels: JsonObject): boolean {
  return selector.every(({ key, operator, values }) => {
    const label = Object.hasOwn(labels, key) ? labels[key] : undefined
    const isThere = typeof label === 'string'
    const isOne = isThere && values.includes(label)
    switch (operator) {
      case 'In':
        return isOne
      case 'NotIn':
        return !isOne
      case 'Exists':
        return isThere
      case 'DoesNotExist':
        return !isThere
    }
  })
}
