/**
 * A path is declared once: pattern, access, fields, operations, help. Routing, coercion, typed
 * input, warnings, help text, OpenAPI and the reference pages all come from the declaration.
 */

import type { Soon } from '../lib/soon.ts'
import type { FieldKind, FieldTable, Input } from '../schema/field.ts'
import type { Reply } from './reply.ts'
import type { BackendRequest, Caller, Operation } from './request.ts'
import { capturesOf } from './pattern.ts'

/**
 * `token`: the caller's policies decide. `sudo`: they must also grant sudo on the path.
 * `open`: no token is asked for, and a bad one is no obstacle.
 */
export type Access = 'token' | 'sudo' | 'open'

export type Handler<I> = (request: BackendRequest<I>) => Soon<Reply>

export interface OperationDeclaration<I> {
  readonly handler: Handler<I>
  readonly summary: string
  /** When it differs from the path's. */
  readonly access?: Access
}

/** Operations a path can declare; `write` serves create and update alike. */
export type DeclaredOperation = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete'

/** What a write is about: all that may be looked at before the policy has decided. */
export interface WriteTarget {
  /** Path inside the mount. */
  readonly path: string
  readonly captures: Readonly<Record<string, string>>
  /** Undefined on open paths. */
  readonly caller: Caller | undefined
}

export interface TypedPath<F extends FieldTable> {
  /**
   * Segments; `:name` takes one segment of word characters with "-" and "." inside, `:name?`
   * likewise or nothing, `*name` takes the rest of the path (not empty), `*name?` the rest or
   * nothing. A list of `role` also matches `role/`.
   */
  readonly pattern: string
  readonly access: Access
  readonly summary: string
  readonly fields: F
  /** Takes any fields and never warns about unknown ones (kv, cubbyhole, wrap). */
  readonly anyFields?: boolean
  /**
   * A field given twice, in query, form or JSON, is refused with 400: of two values one reader
   * takes the first and another the last.
   */
  readonly repeats?: 'refuse'
  /**
   * Whether the thing exists, which tells create from update; without it every write is an update.
   */
  readonly exists?: (target: WriteTarget) => Soon<boolean>
  readonly operations: Readonly<Partial<Record<DeclaredOperation, OperationDeclaration<Input<F>>>>>
  /** `data` is repeated at the top level of the answer (platform.md §1.2). */
  readonly duplicateData?: boolean
  /** Body member names are matched ignoring case (sys/unseal). */
  readonly foldFieldNames?: boolean
  /** Answers also while the server is sealed or not initialised (sys/health and its like). */
  readonly servedSealed?: boolean
  /**
   * A write that leaves out a field because its name is misspelt answers 200 with a warning, where
   * the references answer 204 in silence: a role whose only rule is misspelt admits everybody.
   */
  readonly tellsUnknown?: boolean
  /** A switch of the listener that makes the whole path open. */
  readonly opensWith?: 'unauthenticatedMetricsAccess'
  /**
   * A write there is a whole login: it ends in a token or is refused. A request may bring it along
   * in place of a token.
   */
  readonly isLogin?: true
  /**
   * What a token is called that is dead or none: of a path that is given wrapping tokens it is
   * told that it is no live one, and not that it has no rights (platform.md §2.7).
   */
  readonly deadToken?: 'wrapping'
  /**
   * Its writes take the use of a wrapping token that asks themselves, with what is in it. A request
   * that is refused before leaves both as they are.
   */
  readonly takesUse?: 'wrapping'
  /**
   * Answers without the envelope; a verb it does not know is 405 with an empty list
   * (platform.md §1.2, §1.3).
   */
  readonly bare?: boolean
}

/** A declaration without its input type, as the router and the generators see it. */
export interface PathDeclaration extends TypedPath<FieldTable> {
  /** Its handlers take a `CoreRequest`: set by `corePaths` alone. */
  readonly privileged?: true
}

/**
 * Kinds that a part of a path may have: those that read it as it stands, and those that know its
 * one spelling. A kind that reads two texts as one without saying so would lead past a policy.
 */
const capturable: Readonly<Record<FieldKind, boolean>> = {
  string: true,
  lower_string: true,
  folded_string: true,
  path: true,
  name: true,
  int: true,
  float: false,
  bool: false,
  duration: false,
  signed_duration: false,
  comma_list: false,
  string_list: false,
  comma_int_list: false,
  map: false,
  text_map: false,
  kv_pairs: false,
  list: false,
  time: false,
  any: false,
}

export function definePath<const F extends FieldTable>(path: TypedPath<F>): PathDeclaration {
  for (const { name } of capturesOf(path.pattern)) {
    const field = Object.hasOwn(path.fields, name) ? path.fields[name] : undefined
    if (field === undefined || !capturable[field.kind] || field.charsMax === undefined) {
      throw new Error(
        `${path.pattern}: "${name}" has to be a field with charsMax, of a kind that has one spelling`,
      )
    }
  }
  // The router hands each handler exactly the input that `fields` describes; the types meet again
  // there.
  return path as unknown as PathDeclaration
}

/** The declared operation that serves an operation. */
export function declaredOperation(operation: Operation): DeclaredOperation | undefined {
  switch (operation) {
    case 'create':
    case 'update':
      return 'write'
    case 'header':
    case 'help':
      return undefined
    case 'read':
    case 'list':
    case 'scan':
    case 'patch':
    case 'delete':
      return operation
  }
}
