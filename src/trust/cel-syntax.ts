/**
 * The parsed form of a CEL program: what in it is unknown, and what is changed before it is
 * planned. A round of a loop is made to call `tick`, so that it pays; a message of the kinds that a
 * login gives becomes a map that says its kind, and needs no protocol buffers behind it.
 */

import type { CelEnv, parse } from '@bufbuild/cel'

export type Expr = ReturnType<typeof parse>['expr']
type Comprehension = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value']

/** Called by every round of a loop; no program can write it. */
export const tickName = '@tick'
/** Says the kind of a message. */
export const kindKey = '@kind'

/** jwt-oidc.md §6.3. */
const messageKinds: ReadonlySet<string> = new Set(['pb.Auth', 'pb.LeaseOptions', 'logical.Alias'])

/** What the planner does itself and no function stands for. */
const operators = new Set([
  '_[_]',
  '_?_:_',
  '_&&_',
  '_||_',
  '@not_strictly_false',
  '__not_strictly_false__',
])

const typeNames = new Set(
  'bool bytes double dyn int list map null_type string type uint google'.split(' '),
)

const nestingMax = 100
const nodesMax = 20_000

export class CelSyntaxProblem extends Error {
  override readonly name = 'CelSyntaxProblem'
}

/**
 * Changes the expression in place. Throws a `CelSyntaxProblem` for what could never be evaluated.
 */
export function prepareSyntax(expr: Expr, env: CelEnv, variables: ReadonlySet<string>): void {
  let nodes = 0

  function visit(node: Expr | undefined, known: ReadonlySet<string>, depth: number): void {
    if (node === undefined) return
    if (++nodes > nodesMax || depth > nestingMax) throw problem('the expression is too large')
    const { exprKind: kind } = node
    const each = (children: readonly (Expr | undefined)[], names = known): void => {
      for (const child of children) visit(child, names, depth + 1)
    }
    switch (kind.case) {
      case 'identExpr':
        if (!known.has(kind.value.name) && !typeNames.has(kind.value.name)) {
          throw problem(`undeclared reference to ${JSON.stringify(kind.value.name)}`)
        }
        break
      case 'selectExpr':
        each([kind.value.operand])
        break
      case 'callExpr': {
        const { target, function: name, args } = kind.value
        const qualified = target === undefined ? undefined : qualifiedName(target)
        const isQualified =
          qualified !== undefined && env.funcs.find(`${qualified}.${name}`) !== undefined
        if (!isQualified && !operators.has(name) && env.funcs.find(name) === undefined) {
          throw problem(`undeclared reference to function ${JSON.stringify(name)}`)
        }
        each(isQualified ? args : [target, ...args])
        break
      }
      case 'listExpr':
        each(kind.value.elements)
        break
      case 'structExpr': {
        const { messageName, entries } = kind.value
        for (const { keyKind } of entries) if (keyKind.case === 'mapKey') each([keyKind.value])
        each(entries.map(({ value }) => value))
        if (messageName !== '') becomeMap(node, kind.value)
        break
      }
      case 'comprehensionExpr': {
        const loop = kind.value
        each([loop.iterRange, loop.accuInit])
        const inside = new Set([...known, loop.iterVar, loop.iterVar2, loop.accuVar])
        const before = nodes
        each([loop.loopCondition, loop.loopStep], inside)
        payEachRound(node, loop, nodes - before)
        each([loop.result], inside)
        break
      }
      case 'constExpr':
      case undefined:
    }
  }

  visit(expr, variables, 0)
}

/** Names of the claims that an expression looks at; undefined when it may look at any of them. */
export function claimsIn(expr: Expr | undefined): readonly string[] | undefined {
  const names = new Set<string>()
  let isAny = false

  function visit(node: Expr | undefined): void {
    if (node === undefined || isAny) return
    const { exprKind: kind } = node
    switch (kind.case) {
      case 'identExpr':
        isAny = kind.value.name === claimsName
        return
      case 'selectExpr':
        if (isClaims(kind.value.operand)) names.add(kind.value.field)
        else visit(kind.value.operand)
        return
      case 'callExpr': {
        const { target, function: name, args } = kind.value
        const [first, second] = args
        const [of, key] = name === '_[_]' ? [first, second] : [second, first]
        const text = name === '_[_]' || name === '@in' ? constantText(key) : undefined
        if (text !== undefined && isClaims(of)) names.add(text)
        else [target, ...args].forEach(visit)
        return
      }
      case 'listExpr':
        kind.value.elements.forEach(visit)
        return
      case 'structExpr':
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === 'mapKey') visit(keyKind.value)
          visit(value)
        }
        return
      case 'comprehensionExpr': {
        const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value
        ;[iterRange, accuInit, loopCondition, loopStep, result].forEach(visit)
        return
      }
      case 'constExpr':
      case undefined:
    }
  }

  visit(expr)
  return isAny ? undefined : [...names]
}

const claimsName = 'claims'

function isClaims(node: Expr | undefined): boolean {
  return node?.exprKind.case === 'identExpr' && node.exprKind.value.name === claimsName
}

function constantText(node: Expr | undefined): string | undefined {
  if (node?.exprKind.case !== 'constExpr') return undefined
  const { constantKind } = node.exprKind.value
  return constantKind.case === 'stringValue' ? constantKind.value : undefined
}

function becomeMap(
  node: Expr,
  struct: Extract<Expr['exprKind'], { case: 'structExpr' }>['value'],
): void {
  const { messageName } = struct
  if (!messageKinds.has(messageName)) {
    if (messageName.startsWith('google.protobuf.')) return
    throw problem(`undeclared reference to type ${JSON.stringify(messageName)}`)
  }
  for (const entry of struct.entries) {
    const { keyKind } = entry
    if (keyKind.case !== 'fieldKey') continue
    entry.keyKind = { case: 'mapKey', value: textOf(node, keyKind.value) }
  }
  struct.entries.push({
    $typeName: 'cel.expr.Expr.CreateStruct.Entry',
    id: node.id,
    keyKind: { case: 'mapKey', value: textOf(node, kindKey) },
    value: textOf(node, messageName),
    optionalEntry: false,
  })
  struct.messageName = ''
}

/** For each part of the body of a loop; what its calls look at is paid for by themselves. */
const partPrice = 6

/** `tick(price) && condition`: the first of them is true, or ends everything. */
function payEachRound(node: Expr, loop: Comprehension, parts: number): void {
  if (loop.loopCondition === undefined) throw problem('a loop has no condition')
  const price = constOf(node, { case: 'int64Value', value: BigInt(parts * partPrice) })
  loop.loopCondition = callOf(node, '_&&_', [callOf(node, tickName, [price]), loop.loopCondition])
}

function callOf({ id, $typeName }: Expr, name: string, args: Expr[]): Expr {
  const value = { $typeName: 'cel.expr.Expr.Call' as const, function: name, args }
  return { $typeName, id, exprKind: { case: 'callExpr', value } }
}

function textOf(node: Expr, text: string): Expr {
  return constOf(node, { case: 'stringValue', value: text })
}

type Constant = Extract<Expr['exprKind'], { case: 'constExpr' }>['value']

function constOf({ id, $typeName }: Expr, constantKind: Constant['constantKind']): Expr {
  const value = { $typeName: 'cel.expr.Constant' as const, constantKind }
  return { $typeName, id, exprKind: { case: 'constExpr', value } }
}

function qualifiedName({ exprKind: kind }: Expr): string | undefined {
  if (kind.case === 'identExpr') return kind.value.name
  if (kind.case !== 'selectExpr' || kind.value.testOnly) return undefined
  const { operand, field } = kind.value
  const parent = operand === undefined ? undefined : qualifiedName(operand)
  return parent === undefined ? undefined : `${parent}.${field}`
}

function problem(text: string): CelSyntaxProblem {
  return new CelSyntaxProblem(text)
}
