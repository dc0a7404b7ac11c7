/**
 * The name under which the questions of a caller are counted. Batch tokens and JWTs have no id, and
 * a token that is lent from above has none of its own here: counted as one, each would use up what
 * all of them have.
 */

import { createHash } from 'node:crypto'
import type { CallerFacts } from './caller-facts.ts'

/** Of the token's namespace; the text of a token is known here as a hash alone. */
export function askerOf(caller: CallerFacts | undefined, text: string | undefined): string {
  const home = caller?.home?.id ?? ''
  const id = caller?.token.id ?? ''
  if (id !== '') return `token ${home} ${id}`
  const entity = caller?.rights.entityId ?? ''
  if (entity !== '') return `entity ${home} ${entity}`
  const hash = createHash('sha256')
    .update(text ?? '')
    .digest('base64url')
  return `text ${home} ${hash}`
}
