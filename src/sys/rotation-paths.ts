/** sys/rotate/config: when the barrier key rotates by itself (platform.md §2.10). */

import type { RecordPort, RotationPort } from '../core/ports/system-ports.ts'
import { keys } from '../core/keys.ts'
import { rotationRecord } from '../core/records.ts'
import { operationsMax } from '../core/seal/rotation-bound.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { field } from '../schema/field.ts'

const operationsMin = 1_000_000
const intervalSecondsMin = 24 * 60 * 60

export function rotationPaths(ports: RecordPort & RotationPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'rotate/config',
      access: 'sudo',
      summary: 'When the barrier key rotates by itself.',
      duplicateData: true,
      fields: {
        enabled: field.bool({ help: 'Rotate by these two; true by default.' }),
        max_operations: field.int({ help: 'Records that one term seals.' }),
        interval: field.duration({ help: 'Longest use of one term; 0 is no limit.' }),
      },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async () => {
            const stored = await ports.store.view((view) => view.get(keys.rotation()))
            const { enabled, maxOperations, intervalSeconds } = stored ?? rotationRecord.defaults
            return reply.data({
              enabled,
              max_operations: maxOperations || operationsMax,
              interval: intervalSeconds,
            })
          },
        },
        write: {
          summary: 'Set it; what is not given stays.',
          handler: async ({ input }) => {
            const { enabled, max_operations: operations, interval } = input
            if (operations !== undefined) {
              if (operations < operationsMin || operations > operationsMax) {
                throw invalid(`max_operations must be from ${operationsMin} to ${operationsMax}`)
              }
            }
            if (interval !== undefined && interval !== 0 && interval < intervalSecondsMin) {
              throw invalid('interval must be 0 or at least 24h')
            }
            await ports.store.write(async (txn) => {
              const current = (await txn.get(keys.rotation())) ?? rotationRecord.defaults
              txn.put(keys.rotation(), {
                enabled: enabled ?? current.enabled,
                maxOperations: operations ?? current.maxOperations,
                intervalSeconds: interval ?? current.intervalSeconds,
              })
            })
            return reply.done(ports.rotation.check())
          },
        },
      },
    }),
  ]
}
