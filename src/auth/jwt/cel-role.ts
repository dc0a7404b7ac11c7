/** CEL roles: fields, write rules, read shape, and their compiled programs (jwt-oidc.md §6.1). */

import type { BackendContext } from '../../framework/backend.ts'
import { dryRunField, previewLogins, type Preview } from '../../framework/dry-run.ts'
import { listPath, NamedRecords } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { field, type Input } from '../../schema/field.ts'
import { defineRecord, own, replacing, stored, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { StoreView } from '../../storage/store.ts'
import type { CelProgram, CelSource } from '../../trust/cel-program.ts'
import { compileRole, defaultRoleRules, type CompiledRole } from '../../trust/role-rules.ts'
import { roleNameCharsMax } from './role-record.ts'

const celRoleRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(0),
  ...replacing({
    cel_program: stored(
      field.any({
        help: 'Object with expression, and variables as a list of name and expression.',
      }),
      { default: {} },
    ),
    message: stored(field.string({ help: 'What somebody hears who is turned away by false.' })),
    /** Seconds. 0 and negative ones mean what they mean in other roles (jwt-oidc.md §3.5). */
    expiration_leeway: stored(field.signedDuration({ help: 'Window for a missing exp.' }), {
      default: 150,
    }),
    not_before_leeway: stored(field.signedDuration({ help: 'Window for a missing nbf.' }), {
      default: 150,
    }),
    clock_skew_leeway: stored(field.signedDuration({ help: 'Allowed clock difference.' }), {
      default: 60,
    }),
    bound_audiences: stored(field.commaList({ help: 'Audiences of which one must be in aud.' })),
  }),
})

export type CelRoleRecord = StoredOf<typeof celRoleRecord.table>

const celRoleFields = {
  name: field.lowerString({ help: 'Name of the role.', charsMax: roleNameCharsMax }),
  ...celRoleRecord.fields,
  dry_run: dryRunField,
} as const

/** A role as a write would make it, beside the one that stands. */
export interface DraftedCelRole {
  readonly name: string
  readonly current: CompiledCelRole | undefined
  readonly next: CompiledCelRole
}

type CelRoleInput = Input<typeof celRoleFields>

/** A role as a login uses it. */
export interface CompiledCelRole {
  readonly record: CelRoleRecord
  readonly compiled: CompiledRole
  readonly program: CelProgram
}

export class CelRoles extends NamedRecords<CelRoleRecord> {
  readonly #context: BackendContext
  /** A record object stays the same while its stored bytes do. */
  readonly #compiled = new WeakMap<CelRoleRecord, CompiledCelRole>()

  constructor(context: BackendContext) {
    super(context.store, 'cel/role/', recordCodec(celRoleRecord))
    this.#context = context
  }

  async find(name: string, view: StoreView): Promise<CompiledCelRole | undefined> {
    const record = await this.load(name, view)
    if (record === undefined) return undefined
    const known = this.#compiled.get(record)
    if (known !== undefined) return known
    const program = await compileProgram(record.cel_program)
    // It was compiled before it was stored: a later version of the library may read it otherwise.
    if (!program.ok) throw invalid(`the program of the role is refused: ${program.error}`)
    const compiled = { record, compiled: frontRole(record), program: program.value }
    this.#compiled.set(record, compiled)
    return compiled
  }

  /** Replaces all of it. Throws a 400 and has then changed nothing. */
  async write(name: string, input: CelRoleInput): Promise<CelRoleRecord> {
    const record = celRoleRecord.merge(celRoleRecord.defaults, { ...input, ...parsed(input) })
    return this.#save(name, () => record)
  }

  /** What a write would store, checked as a write is; throws what it would throw. */
  async draft(name: string, input: CelRoleInput): Promise<DraftedCelRole> {
    const record = celRoleRecord.merge(celRoleRecord.defaults, { ...input, ...parsed(input) })
    const current = await this.#context.store.view((view) => this.find(name, view))
    const next = await this.#checked(name, record, current?.record)
    return { name, current, next }
  }

  async #checked(
    name: string,
    written: ReturnType<typeof celRoleRecord.merge>,
    current: CelRoleRecord | undefined,
  ): Promise<CompiledCelRole> {
    const draft = celRoleRecord.check(written)
    if (!draft.ok) throw new Error('a CEL role has no choices')
    const program = await compileProgram(draft.value.cel_program)
    if (!program.ok) throw invalid(`invalid 'cel_program': ${program.error}`)
    // A role of that name that was deleted and made again is another one, and tokens of the old
    // one know its number.
    const version = Math.max((current?.version ?? 0) + 1, this.#context.clock.nowMs())
    const record = { ...draft.value, name, version }
    return { record, compiled: frontRole(record), program: program.value }
  }

  /** What is not given stays; `variables` alone keeps the expression. */
  async patch(name: string, input: CelRoleInput): Promise<CelRoleRecord> {
    return this.#save(name, (current) => {
      if (current === undefined) throw invalid(`role ${JSON.stringify(name)} could not be found`)
      const given = { ...current, ...without(input), ...parsed(input) }
      const before = current.cel_program
      const { cel_program: after } = given
      const isMerged = isJsonObject(before) && isJsonObject(after)
      return celRoleRecord.merge(current, {
        ...given,
        cel_program: isMerged ? { ...before, ...after } : after,
      })
    })
  }

  async #save(
    name: string,
    change: (current: CelRoleRecord | undefined) => ReturnType<typeof celRoleRecord.merge>,
  ): Promise<CelRoleRecord> {
    const key = this.key(name)
    return this.#context.store.write(async (txn) => {
      const current = await txn.get(key)
      const { record } = await this.#checked(name, change(current), current)
      txn.put(key, record)
      return record
    })
  }

  async remove(name: string): Promise<void> {
    await this.#context.store.write((txn) => txn.delete(this.key(name).text))
  }
}

/** The library is loaded with the first role that needs it. */
async function compileProgram(value: JsonValue): Promise<Result<CelProgram, string>> {
  const source = sourceOf(value)
  if (!source.ok) return source
  const { compileCel } = await import('../../trust/cel.ts')
  return compileCel(source.value)
}

function sourceOf(value: JsonValue): Result<CelSource, string> {
  if (!isJsonObject(value)) return err('it must be an object with an expression')
  const expression = member(value, 'expression')
  if (typeof expression !== 'string' || expression === '') {
    return err("its 'expression' must be a text that is not empty")
  }
  const variables: { readonly name: string; readonly expression: string }[] = []
  const listed = member(value, 'variables') ?? []
  if (!isJsonArray(listed)) return err("its 'variables' must be a list")
  for (const one of listed) {
    const name = isJsonObject(one) ? member(one, 'name') : undefined
    const text = isJsonObject(one) ? member(one, 'expression') : undefined
    if (typeof name !== 'string' || typeof text !== 'string') {
      return err("each of its 'variables' must have a name and an expression")
    }
    variables.push({ name, expression: text })
  }
  return ok({ variables, expression })
}

/** jwt-oidc.md §8.3: of the text forms a program takes that of a JSON object only. */
function parsed({ cel_program: given }: CelRoleInput): { readonly cel_program?: JsonValue } {
  if (typeof given !== 'string') return {}
  const object = parseJson(given, requestJsonLimits)
  if (!object.ok) throw invalid("'cel_program' must be an object, or its JSON text")
  return { cel_program: object.value }
}

/** Without what the request does not give, so that nothing is set to undefined. */
function without(input: CelRoleInput): Partial<CelRoleInput> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
}

/** What the checks of the token look at. */
function frontRole(record: CelRoleRecord): CompiledRole {
  const { name, version, bound_audiences } = record
  const { expiration_leeway, not_before_leeway, clock_skew_leeway } = record
  return compileRole(name, version, {
    ...defaultRoleRules,
    role_type: 'jwt',
    bound_audiences,
    expiration_leeway,
    not_before_leeway,
    clock_skew_leeway,
  })
}

export function readShape(record: CelRoleRecord): JsonObject {
  const shown = celRoleRecord.shown(record)
  const program = shown['cel_program']
  const source = sourceOf(program ?? null)
  if (!source.ok) return { name: record.name, ...shown }
  const { variables, expression } = source.value
  const listed = variables.map((one) => ({ ...one }))
  const cel_program: JsonObject =
    listed.length === 0 ? { expression } : { variables: listed, expression }
  return { name: record.name, ...shown, cel_program }
}

export function celRolePaths(
  roles: CelRoles,
  preview: Preview<DraftedCelRole>,
): readonly PathDeclaration[] {
  // OpenBao documents the plural and serves the singular: both are served (jwt-oidc.md §0.1).
  return ['cel/role', 'cel/roles'].flatMap((pattern) => [
    listPath({ pattern, summary: 'Names of all CEL roles.', list: 'List CEL roles.' }, (page) =>
      roles.names(page),
    ),
    definePath({
      pattern: `${pattern}/:name`,
      access: 'token',
      summary: 'One CEL role: the program that decides who may log in, and what they receive.',
      fields: celRoleFields,
      tellsUnknown: true,
      exists: ({ captures }) => roles.has(captures['name'] ?? ''),
      operations: {
        read: {
          summary: 'Read a CEL role.',
          handler: async ({ input }: BackendRequest<CelRoleInput>) =>
            reply.found(await roles.load(input.name ?? ''), readShape),
        },
        write: {
          summary: 'Create or replace a CEL role; what is not given goes to its default.',
          handler: async ({ input, may }: BackendRequest<CelRoleInput>) => {
            const name = input.name ?? ''
            if (input.dry_run === true) {
              return previewLogins(preview, { may }, () => roles.draft(name, input))
            }
            return reply.data(readShape(await roles.write(name, input)))
          },
        },
        patch: {
          summary: 'Change a CEL role; what is not given stays.',
          handler: async ({ input }: BackendRequest<CelRoleInput>) =>
            reply.data(readShape(await roles.patch(input.name ?? '', input))),
        },
        delete: {
          summary: 'Delete a CEL role; its tokens live on.',
          handler: ({ input }: BackendRequest<CelRoleInput>) =>
            reply.done(roles.remove(input.name ?? '')),
        },
      },
    }),
  ])
}
