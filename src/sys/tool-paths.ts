/** sys/tools and small facts about the server that clients ask for (platform.md §2.11). */

import { createHash } from 'node:crypto'
import type { RandomPort } from '../core/ports/system-ports.ts'
import { reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { trimEnd } from '../lib/trim.ts'
import { field } from '../schema/field.ts'

const algorithms: Readonly<Record<string, string>> = {
  'sha2-224': 'sha224',
  'sha2-256': 'sha256',
  'sha2-384': 'sha384',
  'sha2-512': 'sha512',
  'sha3-224': 'sha3-224',
  'sha3-256': 'sha3-256',
  'sha3-384': 'sha3-384',
  'sha3-512': 'sha3-512',
}

const randomBytesMax = 131_072

export function toolPaths(ports: RandomPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'tools/hash/:urlalgorithm?',
      access: 'token',
      summary: 'Hash of given bytes.',
      fields: {
        input: field.string({ help: 'Bytes in base64.' }),
        algorithm: field.string({
          help: 'sha2-256 (default), sha2-224/384/512, sha3-224/256/384/512.',
        }),
        urlalgorithm: field.string({ help: 'Algorithm as part of the path.', charsMax: 64 }),
        format: field.string({ help: 'hex (default) or base64.' }),
      },
      operations: {
        write: {
          summary: 'Hash bytes.',
          handler: async ({ input }) => {
            const name = input.urlalgorithm ?? input.algorithm ?? 'sha2-256'
            const algorithm = Object.hasOwn(algorithms, name) ? algorithms[name] : undefined
            if (algorithm === undefined) throw invalid(`unsupported algorithm ${name.slice(0, 32)}`)
            const bytes = decodeBase64(input.input ?? '')
            const sum = createHash(algorithm).update(bytes).digest(encoding(input.format))
            return reply.data({ sum })
          },
        },
      },
    }),
    ...['tools/random/:urlbytes?', 'tools/random/:source/:urlbytes'].map((pattern) =>
      definePath({
        pattern,
        access: 'token',
        summary: 'Random bytes.',
        fields: {
          bytes: field.int({ help: 'How many; 32 by default.' }),
          urlbytes: field.int({ help: 'How many, as part of the path.', charsMax: 64 }),
          source: field.string({ help: 'platform (default), seal or all.', charsMax: 16 }),
          format: field.string({ help: 'base64 (default) or hex.' }),
        },
        operations: {
          write: {
            summary: 'Draw random bytes.',
            handler: async ({ input }) => {
              requireSource(input.source ?? 'platform')
              const count = input.urlbytes ?? input.bytes ?? 32
              if (count < 1 || count > randomBytesMax) {
                throw invalid(`"bytes" must be from 1 to ${randomBytesMax}`)
              }
              const bytes = ports.random.bytes(count)
              return reply.data({
                random_bytes: bytes.toString(encoding(input.format ?? 'base64')),
              })
            },
          },
        },
      }),
    ),
  ]
}

/** All bytes come from the system's generator: the seal has none of its own. */
function requireSource(source: string): void {
  if (!['platform', 'seal', 'all'].includes(source)) {
    throw invalid('"source" must be platform, seal or all')
  }
}

function encoding(format: string | undefined): 'hex' | 'base64' {
  if (format === undefined || format === '' || format === 'hex') return 'hex'
  if (format === 'base64') return 'base64'
  throw invalid('"format" must be hex or base64')
}

function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (trimEnd(bytes.toString('base64'), '=') !== trimEnd(text, '=')) {
    throw invalid('unable to decode input as base64')
  }
  return bytes
}
