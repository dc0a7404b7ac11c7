/** sys/rekey and its twin with a token, sys/rotate/root: other unseal keys (platform.md §2.10). */

import type { ShareHolderPort } from '../core/ports/system-ports.ts'
import type { ShareBackup } from '../core/seal/seal-records.ts'
import type { RekeyOutcome, RekeyStatus } from '../core/seal/rekey.ts'
import { pgpCharsMax } from '../core/seal/pgp.ts'
import { SealProblem } from '../core/seal/seal-problem.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { reply } from '../framework/reply.ts'
import type { JsonObject } from '../lib/json.ts'
import { field, type Input } from '../schema/field.ts'
import { asRefusals } from './bare-answer.ts'
import {
  answerBy,
  cancelNonce,
  declarationOf,
  nonceField,
  shareFields,
  type WayIn,
} from './share-paths.ts'

const ways: readonly WayIn[] = [
  { prefix: 'rekey', opens: 'unauthenticatedRekey' },
  { prefix: 'rotate/root' },
]

const initFields = {
  secret_shares: field.int({ help: 'Number of keys to make.' }),
  secret_threshold: field.int({ help: 'Number of them that are needed.' }),
  pgp_keys: field.stringList({
    help: 'PGP public keys, one for each new key, which is encrypted with it; base64 of the binary form.',
    charsMax: pgpCharsMax,
  }),
  backup: field.bool({ help: 'Keep the encrypted keys, for rekey/backup.' }),
  require_verification: field.bool({
    help: 'The new keys count once enough of them were given back.',
  }),
  nonce: nonceField,
} as const

export function rekeyPaths(ports: ShareHolderPort): readonly PathDeclaration[] {
  return [
    ...ways.flatMap((way) => pathsOf(ports, way)),
    ...ways.map(({ prefix }) => backupPath(ports, `${prefix}/backup`)),
  ]
}

function pathsOf({ rekey }: ShareHolderPort, way: WayIn): readonly PathDeclaration[] {
  return [
    definePath({
      ...declarationOf(way),
      pattern: `${way.prefix}/init`,
      summary: 'The change of the unseal keys by their holders.',
      fields: initFields,
      operations: {
        read: {
          summary: 'How far it is.',
          handler: answerBy(way, async () => ({ ...(await rekey.status()) })),
        },
        write: {
          summary: 'Begin.',
          handler: answerBy(way, async (input: Input<typeof initFields>) => {
            const status = await rekey.start({
              shares: input.secret_shares ?? 0,
              threshold: input.secret_threshold ?? 0,
              requireVerification: input.require_verification ?? false,
              pgpKeys: input.pgp_keys ?? [],
              backup: input.backup ?? false,
            })
            return { ...status }
          }),
        },
        delete: {
          summary: 'End it; the present keys stay in force.',
          handler: answerBy(way, async ({ nonce }: Input<typeof initFields>) => {
            await rekey.cancel(cancelNonce(way, nonce))
            return undefined
          }),
        },
      },
    }),
    definePath({
      ...declarationOf(way),
      pattern: `${way.prefix}/update`,
      summary: 'Takes one of the present unseal keys.',
      fields: shareFields,
      operations: {
        write: {
          summary: 'Give one; the last one gives the new keys.',
          handler: answerBy(way, async ({ key, nonce }: Input<typeof shareFields>) =>
            updateBody(await rekey.update(key ?? '', nonce ?? '')),
          ),
        },
      },
    }),
    definePath({
      ...declarationOf(way),
      pattern: `${way.prefix}/verify`,
      summary: 'Takes new unseal keys back before they count.',
      fields: shareFields,
      operations: {
        read: {
          summary: 'How far it is.',
          handler: answerBy(way, async () => ({ ...(await rekey.verification()) })),
        },
        write: {
          summary: 'Give one of the new keys.',
          handler: answerBy(way, async ({ key, nonce }: Input<typeof shareFields>) => ({
            ...(await rekey.verify(key ?? '', nonce ?? '')),
          })),
        },
        delete: {
          summary: 'Begin the verification again.',
          handler: answerBy(way, async ({ nonce }: Input<typeof shareFields>) => ({
            ...(await rekey.restartVerification(cancelNonce(way, nonce))),
          })),
        },
      },
    }),
  ]
}

function backupPath({ rekey }: ShareHolderPort, pattern: string): PathDeclaration {
  return definePath({
    pattern,
    access: 'sudo',
    summary: 'Keys that were encrypted to people and kept, by the fingerprints of theirs.',
    duplicateData: true,
    fields: {},
    operations: {
      read: {
        summary: 'Read them.',
        handler: () =>
          asRefusals(async () => {
            const backup = await rekey.backup()
            if (backup === undefined) throw new SealProblem('no backed-up keys found')
            return reply.data({ ...backup, keys_base64: base64Of(backup.keys) })
          }),
      },
      delete: {
        summary: 'Delete them.',
        handler: () => reply.done(rekey.deleteBackup()),
      },
    },
  })
}

function base64Of(keys: ShareBackup['keys']): JsonObject {
  return Object.fromEntries(
    Object.entries(keys).map(([person, shares]) => [
      person,
      shares.map((share) => Buffer.from(share, 'hex').toString('base64')),
    ]),
  )
}

function updateBody(after: RekeyStatus | RekeyOutcome): JsonObject {
  if (!('keys' in after)) return { ...after }
  const { nonce, keys, fingerprints, backup, verificationNonce } = after
  return {
    nonce,
    complete: true,
    keys: keys.map((key) => key.toString('hex')),
    keys_base64: keys.map((key) => key.toString('base64')),
    pgp_fingerprints: fingerprints,
    backup,
    verification_required: verificationNonce !== undefined,
    ...(verificationNonce === undefined ? {} : { verification_nonce: verificationNonce }),
  }
}
