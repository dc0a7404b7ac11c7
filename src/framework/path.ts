/**
 * A path is declared once: pattern, access, fields, operations, help. Routing, coercion, typed input, warnings, help text,
 * OpenAPI and the reference pages all come from the declaration.
 */

import { trimEnd } from '../lib/trim.ts'
import type { FieldTable, Input } from '../schema/field.ts'
import type { BackendRequest, Operation, Reply } from './backend.ts'

/**
 * `token`: the caller's policies decide. `sudo`: they must also grant sudo on the path.
 * `open`: no token is asked for, and a bad one is no obstacle.
 */
export type Access = 'token' | 'sudo' | 'open'

export type Handler<I> = (request: BackendRequest<I>) => Promise<Reply>

export interface OperationDeclaration<I> {
  readonly handler: Handler<I>
  readonly summary: string
  /** When it differs from the path's. */
  readonly access?: Access
}

/** Operations a path can declare; `write` serves create and update alike. */
export type DeclaredOperation = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete'

export interface TypedPath<F extends FieldTable> {
  /**
   * Segments; `:name` takes one segment of word characters with "-" and "." inside, `:name?` likewise or nothing, `*name`
   * takes the rest of the path (not empty), `*name?` the rest or nothing. A list of `role` also matches `role/`.
   */
  readonly pattern: string
  readonly access: Access
  readonly summary: string
  readonly fields: F
  /**
   * The one spelling, inside the mount, of all paths that reach the same thing. Policies have to allow it too, so that
   * no other spelling leads past a deny. Without it a final "/" is dropped, unless a `*name` takes it.
   */
  readonly canonical?: (path: string) => string
  /** Takes any fields and never warns about unknown ones (kv, cubbyhole, wrap). */
  readonly anyFields?: boolean
  /** A field given twice, in query, form or JSON, is refused with 400: of two values one reader takes the first and another the last. */
  readonly repeats?: 'refuse'
  /** Whether the thing exists, which tells create from update; without it every write is an update. */
  readonly exists?: (request: BackendRequest<Input<F>>) => Promise<boolean>
  readonly operations: Readonly<Partial<Record<DeclaredOperation, OperationDeclaration<Input<F>>>>>
  /** `data` is repeated at the top level of the answer (platform contract §1.2). */
  readonly duplicateData?: boolean
  /** Body member names are matched ignoring case (sys/unseal). */
  readonly foldFieldNames?: boolean
  /** Answers also while the server is sealed or not initialised (sys/health and its like). */
  readonly servedSealed?: boolean
  /** Answers without the envelope; a verb it does not know is 405 with an empty list (platform contract §1.2, §1.3). */
  readonly bare?: boolean
}

/** A declaration without its input type, as the router and the generators see it. */
export type PathDeclaration = TypedPath<FieldTable>

export function definePath<const F extends FieldTable>(path: TypedPath<F>): PathDeclaration {
  // The router hands each handler exactly the input that `fields` describes; the types meet again there.
  return path as unknown as PathDeclaration
}

/** The spelling of a path inside its mount that policies have to allow beside the one that was sent. */
export function canonicalPath(declaration: PathDeclaration, path: string): string {
  if (declaration.canonical !== undefined) return declaration.canonical(path)
  if (!path.endsWith('/')) return path
  const takesSlash = /(?:^|\/)\*[^/]*$/.test(declaration.pattern)
  return takesSlash ? path : withoutFinalSlash(path)
}

export function withoutFinalSlash(path: string): string {
  return trimEnd(path, '/')
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
