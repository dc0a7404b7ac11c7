/** sys/generate-root and its twin with a token: another root token (platform.md §2.10). */

import type { ShareHolderPort } from '../core/ports/system-ports.ts'
import { pgpCharsMax } from '../core/seal/pgp.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field, type Input } from '../schema/field.ts'
import {
  answerBy,
  cancelNonce,
  declarationOf,
  nonceField,
  shareFields,
  type WayIn,
} from './share-paths.ts'

const ways: readonly WayIn[] = [
  { prefix: 'generate-root', opens: 'unauthenticatedGenerateRoot' },
  { prefix: 'generate-root-token' },
]

const attemptFields = {
  pgp_key: field.string({
    help: 'PGP public key that the token is encrypted with, instead of a one-time pad; base64 of the binary form.',
    charsMax: pgpCharsMax,
  }),
  nonce: nonceField,
} as const

export function rootGenerationPaths(ports: ShareHolderPort): readonly PathDeclaration[] {
  return ways.flatMap((way) => pathsOf(ports, way))
}

function pathsOf({ rootGeneration }: ShareHolderPort, way: WayIn): readonly PathDeclaration[] {
  return [
    definePath({
      ...declarationOf(way),
      pattern: `${way.prefix}/attempt`,
      summary: 'The making of a root token by holders of unseal keys.',
      fields: attemptFields,
      operations: {
        read: {
          summary: 'How far it is.',
          handler: answerBy(way, async () => ({ ...(await rootGeneration.status()) })),
        },
        write: {
          summary: 'Begin; the one-time pad is told this once.',
          handler: answerBy(way, async ({ pgp_key }: Input<typeof attemptFields>) => ({
            ...(await rootGeneration.start(pgp_key)),
          })),
        },
        delete: {
          summary: 'End it.',
          handler: answerBy(way, async ({ nonce }: Input<typeof attemptFields>) => {
            await rootGeneration.cancel(cancelNonce(way, nonce))
            return undefined
          }),
        },
      },
    }),
    definePath({
      ...declarationOf(way),
      pattern: `${way.prefix}/update`,
      summary: 'Takes one unseal key for a root token.',
      fields: shareFields,
      operations: {
        write: {
          summary: 'Give one unseal key; the last one gives the encoded token.',
          handler: answerBy(way, async ({ key, nonce }: Input<typeof shareFields>) => ({
            ...(await rootGeneration.update(key ?? '', nonce ?? '')),
          })),
        },
      },
    }),
  ]
}
