/** OpenAPI 3 document and help texts, both from the path declarations. */

import type { BackendPort, SettingsPort } from '../core/ports/system-ports.ts'
import { fullPath } from '../core/mount-table.ts'
import type { MountRecord } from '../core/records.ts'
import type { DeclaredOperation, PathDeclaration } from '../framework/path.ts'
import type { FieldKind, FieldTable } from '../schema/field.ts'

type Json = { readonly [name: string]: unknown }

const schemaOf: Readonly<Record<FieldKind, Json>> = {
  string: { type: 'string' },
  lower_string: { type: 'string', format: 'lowercase' },
  folded_string: { type: 'string', format: 'lowercase' },
  path: { type: 'string' },
  name: { type: 'string' },
  int: { type: 'integer' },
  bool: { type: 'boolean' },
  duration: { type: 'integer', format: 'seconds' },
  float: { type: 'number' },
  signed_duration: { type: 'integer', format: 'seconds' },
  comma_list: { type: 'array', items: { type: 'string' } },
  string_list: { type: 'array', items: { type: 'string' } },
  comma_int_list: { type: 'array', items: { type: 'integer' } },
  map: { type: 'object' },
  text_map: { type: 'object' },
  kv_pairs: { type: 'object', additionalProperties: { type: 'string' } },
  list: { type: 'array', items: {} },
  time: { type: 'string', format: 'date-time' },
  any: {},
}

const methodOf: Readonly<Record<DeclaredOperation, string>> = {
  read: 'get',
  list: 'get',
  scan: 'get',
  write: 'post',
  patch: 'patch',
  delete: 'delete',
}

export type OpenApiPorts = BackendPort & SettingsPort

/** The whole API of the mounts that exist now. */
export function openApiDocument(ports: OpenApiPorts, mounts: readonly MountRecord[]): Json {
  const paths: Record<string, Json> = {}
  for (const mount of mounts) {
    if (mount.tainted === true) continue
    for (const declaration of ports.backends.of(mount).router.declarations) {
      Object.assign(paths, pathItems(fullPath(mount), declaration))
    }
  }
  return {
    openapi: '3.0.2',
    info: {
      title: 'tokenstile',
      description: 'Trades a JWT or a browser sign-in for a scoped, revocable token.',
      version: ports.settings.reportedVersion,
      license: { name: 'Apache-2.0' },
    },
    paths,
    components: { schemas: {} },
  }
}

function pathItems(mountPath: string, declaration: PathDeclaration): Record<string, Json> {
  const captures: string[] = []
  const path = declaration.pattern
    .split('/')
    .map((segment) => {
      if (!/^[:*]/.test(segment)) return segment
      const name = segment.slice(1).replace(/\?$/, '')
      captures.push(name)
      return `{${name}}`
    })
    .join('/')
  const item: Record<string, unknown> = { description: declaration.summary }
  if (declaration.access === 'sudo') item['x-vault-sudo'] = true
  if (declaration.access === 'open') item['x-vault-unauthenticated'] = true
  item['parameters'] = captures.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    description: declaration.fields[name]?.help ?? '',
  }))
  for (const [operation, declared] of Object.entries(declaration.operations)) {
    const method = methodOf[operation as DeclaredOperation]
    const entry: Record<string, unknown> = {
      summary: declared.summary,
      operationId: `${operation}-${mountPath}${path}`
        .replaceAll(/[^A-Za-z0-9]+/g, '-')
        .replace(/-$/, ''),
      responses: { 200: { description: 'OK' }, 204: { description: 'empty body' } },
    }
    if (operation === 'list') {
      entry['parameters'] = [
        {
          name: 'list',
          in: 'query',
          schema: { type: 'string', enum: ['true'] },
          required: item['get'] !== undefined,
        },
      ]
    }
    if (method === 'post' || method === 'patch')
      entry['requestBody'] = requestBody(declaration.fields, captures)
    item[method] ??= entry
  }
  return { [`/${mountPath}${path}`]: item }
}

function requestBody(fields: FieldTable, captures: readonly string[]): Json {
  const properties: Record<string, Json> = {}
  const required: string[] = []
  for (const [name, field] of Object.entries(fields)) {
    if (captures.includes(name)) continue
    properties[name] = {
      ...schemaOf[field.kind],
      description: field.help,
      ...lengthOf(field),
      ...(field.deprecated === true ? { deprecated: true } : {}),
      ...(field.secret === true ? { 'x-vault-displayAttrs': { sensitive: true } } : {}),
    }
    if (field.required === true) required.push(name)
  }
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) }
  return { required: required.length > 0, content: { 'application/json': { schema } } }
}

/** The length of a list's texts together has no word in OpenAPI. */
function lengthOf({ charsMax, kind }: FieldTable[string]): Json {
  const isText = schemaOf[kind]['type'] === 'string'
  return charsMax === undefined || !isText ? {} : { maxLength: charsMax }
}

/** Plain text for `?help=1`; `path` is what was asked for, as it was asked. */
export function helpText(
  declarations: readonly PathDeclaration[],
  declaration: PathDeclaration | undefined,
  path: string,
): string {
  if (declaration === undefined) {
    const rows = declarations.map((one) => `    ${one.pattern}\n        ${one.summary}`)
    return `## PATHS\n\nThe following paths are supported.\n\n${rows.join('\n\n')}\n`
  }
  const operations = Object.entries(declaration.operations).map(
    ([name, operation]) => `    ${name}: ${operation.summary}`,
  )
  const fields = Object.entries(declaration.fields).map(
    ([name, one]) => `    ${name} (${one.kind})\n        ${one.help}`,
  )
  return [
    `Request:        ${path}`,
    `Matching Route: ${declaration.pattern}`,
    '',
    declaration.summary,
    '',
    '## OPERATIONS',
    '',
    ...operations,
    '',
    ...(fields.length > 0 ? ['## PARAMETERS', '', fields.join('\n\n'), ''] : []),
  ].join('\n')
}
