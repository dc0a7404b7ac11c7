/**
 * Paths of the core itself and of its token method: their handlers see, beside the request, what
 * the core knows of whoever makes it. Other backends do not, and no other folder imports this file.
 */

import type { Soon } from '../lib/soon.ts'
import type { FieldTable, Input } from '../schema/field.ts'
import {
  definePath,
  type DeclaredOperation,
  type OperationDeclaration,
  type PathDeclaration,
  type TypedPath,
} from './path.ts'
import type { Reply } from './reply.ts'
import type { BackendRequest } from './request.ts'

/** `Known` is the core's own; the token method hands it back without looking inside. */
export interface RequestFacts<Known> {
  /** Who makes the request; undefined on open paths. */
  readonly caller: Known | undefined
  /** Who shows a live token on an open path, without having been asked for one; never refuses. */
  readonly shown: () => Promise<Known | undefined>
  /** A name for whoever makes the request, to count by. */
  readonly asker: () => string
}

export interface CoreRequest<I, Known> extends BackendRequest<I> {
  readonly facts: RequestFacts<Known>
}

interface CoreOperation<I, Known> extends Omit<OperationDeclaration<I>, 'handler'> {
  readonly handler: (request: CoreRequest<I, Known>) => Soon<Reply>
}

/** While the server is sealed nothing is known of anybody, so none of these answers then. */
interface CorePath<F extends FieldTable, Known> extends Omit<
  TypedPath<F>,
  'operations' | 'servedSealed'
> {
  readonly operations: Readonly<Partial<Record<DeclaredOperation, CoreOperation<Input<F>, Known>>>>
}

/**
 * Gives the function that defines such paths: `definePath`, and what is known of callers beside it.
 */
export function corePaths<Known>() {
  return <const F extends FieldTable>(path: CorePath<F, Known>): PathDeclaration => {
    // The pipeline hands facts to what is privileged; the types meet again there, as with the
    // input.
    const declaration = definePath(path as unknown as TypedPath<F>)
    return { ...declaration, privileged: true }
  }
}
