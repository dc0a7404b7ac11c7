/** sys/config/cors (platform.md §1.11, §2.11). */

import type { ConfigurationPort, RecordPort } from '../core/ports/system-ports.ts'
import { keys } from '../core/keys.ts'
import type { CorsRecord } from '../core/records.ts'
import { reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { field } from '../schema/field.ts'

const off: CorsRecord = {
  enabled: false,
  allowedOrigins: [],
  allowedHeaders: [],
  allowCredentials: false,
}

type CorsPorts = RecordPort & ConfigurationPort

export function corsPaths(ports: CorsPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'config/cors',
      access: 'sudo',
      summary: 'Which web origins may call this API from a browser.',
      duplicateData: true,
      fields: {
        enable: field.bool({ help: 'Kept for compatibility; a write enables.' }),
        allowed_origins: field.commaList({
          help: 'Origins such as https://console.example.com, or "*".',
        }),
        allowed_headers: field.commaList({
          help: 'Request headers to allow beside the standard ones.',
        }),
      },
      operations: {
        read: {
          summary: 'Read the setting.',
          handler: async () => {
            const cors = (await ports.configuration()).cors ?? off
            return reply.data({
              enabled: cors.enabled,
              allowed_origins: cors.allowedOrigins,
              allowed_headers: cors.allowedHeaders,
            })
          },
        },
        write: {
          summary: 'Allow origins.',
          handler: async ({ input }) => {
            const allowedOrigins = input.allowed_origins ?? []
            if (allowedOrigins.length === 0) {
              throw invalid('at least one origin or the wildcard must be provided')
            }
            if (allowedOrigins.includes('*') && allowedOrigins.length > 1) {
              throw invalid(
                "to allow all origins the '*' must be the only value for allowed_origins",
              )
            }
            const record: CorsRecord = {
              enabled: true,
              allowedOrigins,
              allowedHeaders: input.allowed_headers ?? [],
              allowCredentials: false,
            }
            return reply.done(save(ports, record))
          },
        },
        delete: {
          summary: 'Allow no origin.',
          handler: () => reply.done(save(ports, off)),
        },
      },
    }),
  ]
}

/**
 * The socket side asks for the latest configuration known here, so it has to be known before the
 * answer.
 */
async function save(ports: CorsPorts, record: CorsRecord): Promise<void> {
  await ports.store.write((txn) => txn.put(keys.cors(), record))
  await ports.configuration()
}
