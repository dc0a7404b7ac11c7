/** sys/audit, sys/audit-hash and sys/config/auditing (platform.md §2.9). */

import type { AuditPort, ConfigurationPort } from '../core/ports/system-ports.ts'
import type { AuditDeviceRecord, AuditHeadersRecord } from '../core/records.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { emptyObject, type JsonObject } from '../lib/json.ts'
import { field } from '../schema/field.ts'

type AuditPorts = AuditPort & ConfigurationPort

const pathCharsMax = 256
const optionsCharsMax = 32_768

const pathField = field.path({ help: 'Where the device is.', charsMax: pathCharsMax })

const deviceFields = {
  path: pathField,
  type: field.string({ help: 'file, socket, syslog or http.', charsMax: 64 }),
  description: field.string({ help: 'Text for people.', charsMax: 4096 }),
  options: field.kvPairs({ help: 'Options of the device.', charsMax: optionsCharsMax }),
  local: field.bool({ help: 'Kept for compatibility.' }),
} as const

const headerFields = {
  header: field.lowerString({ help: 'Name of the request header.', charsMax: 128 }),
  hmac: field.bool({ help: 'Its value is hashed; false by default.' }),
} as const

export function auditPaths(ports: AuditPorts): readonly PathDeclaration[] {
  return [...devicePaths(ports), ...headerPaths(ports)]
}

function devicePaths(ports: AuditPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'audit',
      access: 'sudo',
      summary: 'Audit devices.',
      duplicateData: true,
      fields: {},
      operations: {
        read: {
          summary: 'List audit devices.',
          handler: async () => {
            const { devices } = (await ports.configuration()).audit
            const data = emptyObject()
            for (const device of devices) data[device.path] = shownDevice(device)
            return reply.data(data)
          },
        },
      },
    }),
    definePath({
      pattern: 'audit/*path',
      access: 'sudo',
      summary: 'One audit device.',
      duplicateData: true,
      fields: deviceFields,
      operations: {
        write: {
          summary: 'Enable an audit device.',
          handler: async ({ input }) => {
            await ports.audit.enable({
              path: requirePath(input.path),
              type: input.type ?? '',
              description: input.description ?? '',
              local: input.local ?? false,
              options: input.options ?? {},
            })
            return reply.none()
          },
        },
        delete: {
          summary: 'Disable an audit device.',
          handler: ({ input }) => reply.done(ports.audit.disable(requirePath(input.path))),
        },
      },
    }),
    definePath({
      pattern: 'audit-hash/*path',
      access: 'token',
      summary: 'What the records of a device show for a text.',
      duplicateData: true,
      fields: {
        path: pathField,
        input: field.string({ help: 'The text.', secret: true, charsMax: 1_048_576 }),
      },
      operations: {
        write: {
          summary: 'Hash a text.',
          handler: async ({ input }) => {
            const { input: text } = input
            if (text === undefined) throw invalid('the "input" parameter is empty')
            return reply.data({ hash: ports.audit.hash(requirePath(input.path), text) })
          },
        },
      },
    }),
  ]
}

function headerPaths(ports: AuditPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'config/auditing/request-headers',
      access: 'sudo',
      summary: 'Request headers that audit records show.',
      duplicateData: true,
      fields: {},
      operations: {
        read: {
          summary: 'List them.',
          handler: async () => {
            const { headers } = (await ports.configuration()).audit
            return reply.data({ headers: shownHeaders(headers) })
          },
        },
      },
    }),
    definePath({
      pattern: 'config/auditing/request-headers/:header',
      access: 'sudo',
      summary: 'One request header that audit records show.',
      duplicateData: true,
      fields: headerFields,
      operations: {
        read: {
          summary: 'Read its setting.',
          handler: async ({ input }) => {
            const { headers } = (await ports.configuration()).audit
            const name = requireHeader(input.header)
            const setting = Object.hasOwn(headers, name) ? headers[name] : undefined
            if (setting === undefined) throw invalid('Could not find header in config')
            return reply.data(shownHeaders({ [name]: setting }))
          },
        },
        write: {
          summary: 'Show it.',
          handler: async ({ input }) => {
            const name = requireHeader(input.header)
            const { hmac = false } = input
            if (isCredential(name) && !hmac) throw invalid('hmac: must be true for credentials')
            return reply.done(ports.audit.setHeader(name, { hmac }))
          },
        },
        delete: {
          summary: 'Show it no more.',
          handler: ({ input }) =>
            reply.done(ports.audit.setHeader(requireHeader(input.header), undefined)),
        },
      },
    }),
  ]
}

function requirePath(path: string | undefined): string {
  if (path === undefined || path === '') throw new Refusal('path_unsupported')
  if (!/^[\w-](?:[\w./-]*[\w-])?$/.test(path)) {
    throw invalid('path: may have letters, digits, "-", "_", "." and "/"')
  }
  return path
}

/** What says who somebody is has no place in a record in clear. */
const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'x-vault-token',
])

function isCredential(name: string): boolean {
  return credentials.has(name) || name.startsWith('x-vault-inline-auth-parameter-')
}

function requireHeader(name: string | undefined): string {
  if (name === undefined || name === '') throw new Refusal('path_unsupported')
  return name
}

function shownHeaders(headers: AuditHeadersRecord): JsonObject {
  const shown = emptyObject()
  for (const [name, { hmac }] of Object.entries(headers)) shown[name] = { hmac }
  return shown
}

/** Headers of an http device are credentials. */
function shownDevice({ path, type, description, local, options }: AuditDeviceRecord): JsonObject {
  const { headers, ...others } = options
  const shown = headers === undefined ? others : { ...others, headers: '<hidden>' }
  return { path, type, description, local, options: shown }
}
