/**
 * The token method: auth/token/ (platform.md §3.3). Rules of tokens are the core's; here are the
 * paths.
 */

import type { Backend, BackendType } from '../../framework/backend.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import { corePaths, type CoreRequest, type RequestFacts } from '../../framework/core-path.ts'
import type { PathDeclaration } from '../../framework/path.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import type { TokenRole } from '../../framework/token-role.ts'
import type { Renewer, TokenAnswer, TokenName, TokenPort } from '../../framework/token-port.ts'
import { parseDurationSeconds } from '../../lib/duration.ts'
import { after, type Soon } from '../../lib/soon.ts'
import { field, type Input } from '../../schema/field.ts'
import { tokenRoleNameField, tokenRolePaths, TokenRoles } from './role.ts'

const createFields = {
  id: field.string({ help: 'Chosen text of the token; needs sudo.', secret: true }),
  policies: field.stringList({ help: "Policies; the parent's when absent." }),
  meta: field.kvPairs({ help: 'Metadata shown by lookup.' }),
  no_parent: field.bool({ help: 'Make an orphan; needs sudo.' }),
  no_default_policy: field.bool({ help: 'Leave the default policy out.' }),
  renewable: field.bool({
    help: 'Whether it can be renewed; true by default.',
    nullIsAbsent: true,
  }),
  ttl: field.string({ help: 'First TTL.' }),
  lease: field.string({ help: 'Older name of ttl.', deprecated: true }),
  explicit_max_ttl: field.string({ help: 'Hard limit of its life.' }),
  period: field.string({ help: 'Renewal period without an end; needs sudo.' }),
  display_name: field.string({ help: 'Name for people.' }),
  num_uses: field.int({ help: 'Number of requests it may make; 0 is no limit.' }),
  type: field.string({ help: 'service or batch.' }),
  entity_alias: field.string({
    help: 'Alias of the entity to bind; only with a token role.',
    charsMax: 512,
  }),
} as const

const nameFields = {
  token: field.string({ help: 'Text of the token.', secret: true }),
  accessor: field.string({ help: 'Accessor of the token.' }),
  increment: field.duration({ help: 'Wished TTL from now.' }),
} as const

/** Makes the method over what the core offers. */
export function tokenBackend<Known>(port: () => TokenPort<Known>): BackendType {
  return {
    types: ['token'],
    class: 'auth',
    create: (context): Backend => {
      const roles = new TokenRoles(context)
      return {
        paths: [...tokenPaths(port, roles), ...tokenRolePaths(roles)],
        renew: (request) => roles.renew(request),
      }
    },
  }
}

function tokenPaths<Known>(
  port: () => TokenPort<Known>,
  roles: TokenRoles,
): readonly PathDeclaration[] {
  const definePath = corePaths<Known>()
  return [
    ...creationPaths(port, roles),
    definePath({
      pattern: 'lookup-self',
      access: 'token',
      summary: 'Facts about the calling token.',
      fields: nameFields,
      operations: {
        read: { summary: 'Look up.', handler: lookupSelf },
        write: { summary: 'Look up.', handler: lookupSelf },
      },
    }),
    definePath({
      pattern: 'lookup',
      access: 'token',
      summary: 'Facts about a token.',
      fields: nameFields,
      operations: {
        read: { summary: 'Look up the calling token.', handler: lookupSelf },
        write: { summary: 'Look up a token; the calling one when none is named.', handler: lookup },
      },
    }),
    definePath({
      pattern: 'lookup-accessor',
      access: 'token',
      summary: 'Facts about the token of an accessor.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Look up by accessor.',
          handler: async ({ input, facts }) => {
            const data = await port().lookup(accessorName(input.accessor), callerOf(facts), '')
            if (data === undefined) throw invalid('invalid accessor')
            return reply.data(data)
          },
        },
      },
    }),
    definePath({
      pattern: 'renew-self',
      access: 'token',
      summary: 'Renews the calling token.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Renew.',
          handler: async (request) => {
            const answer = await port().renew(
              { kind: 'self' },
              request.input.increment ?? 0,
              renewerOf(request),
            )
            if (answer === undefined) throw new Refusal('token_refused')
            return authReply(withText(answer, ownText(request)))
          },
        },
      },
    }),
    definePath({
      pattern: 'renew',
      access: 'token',
      summary: 'Renews a token.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Renew.',
          handler: async (request) => {
            const text = request.input.token ?? ''
            if (text === '') throw invalid('missing token ID')
            const answer = await port().renew(
              { kind: 'token', text },
              request.input.increment ?? 0,
              renewerOf(request),
            )
            if (answer === undefined) throw invalid('token not found')
            return authReply(answer)
          },
        },
      },
    }),
    definePath({
      pattern: 'renew-accessor',
      access: 'token',
      summary: 'Renews the token of an accessor.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Renew by accessor.',
          handler: async (request) => {
            const answer = await port().renew(
              accessorName(request.input.accessor),
              request.input.increment ?? 0,
              renewerOf(request),
            )
            if (answer === undefined) throw invalid('invalid accessor')
            return authReply(answer)
          },
        },
      },
    }),
    ...revocationPaths(port),
    definePath({
      pattern: 'accessors',
      access: 'sudo',
      summary: 'Accessors of all live tokens.',
      fields: {
        after: field.string({ help: 'Start after this accessor.' }),
        limit: field.int({ help: 'At most so many; 0 is all.' }),
      },
      operations: {
        list: {
          summary: 'List accessors.',
          handler: async ({ input }) => reply.list(await port().accessors(input)),
        },
      },
    }),
    definePath({
      pattern: 'tidy',
      access: 'token',
      summary: 'Removes what dead tokens left behind.',
      fields: {},
      operations: {
        write: {
          summary: 'Start a tidy.',
          handler: async () => reply.tidied(port().tidy()),
        },
      },
    }),
  ]

  function lookupSelf(request: Request<Known>): Soon<Reply> {
    const found = port().lookup({ kind: 'self' }, callerOf(request.facts), ownText(request))
    return after(found, (data) => {
      if (data === undefined) throw new Refusal('token_refused')
      return reply.data(data)
    })
  }

  async function lookup(request: Request<Known>): Promise<Reply> {
    const text = request.input.token ?? ''
    if (text === '') return lookupSelf(request)
    const data = await port().lookup({ kind: 'token', text }, callerOf(request.facts), text)
    if (data === undefined) throw new Refusal('token_refused', { text: 'bad token' })
    return reply.data(data)
  }
}

type Request<Known> = CoreRequest<Input<typeof nameFields>, Known>

function revocationPaths<Known>(port: () => TokenPort<Known>): readonly PathDeclaration[] {
  const definePath = corePaths<Known>()
  return [
    definePath({
      pattern: 'revoke-self',
      access: 'token',
      summary: 'Revokes the calling token with its children.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Revoke.',
          handler: ({ facts }) =>
            reply.done(port().revoke({ kind: 'self' }, callerOf(facts), false)),
        },
      },
    }),
    definePath({
      pattern: 'revoke',
      access: 'token',
      summary: 'Revokes a token with its children.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Revoke.',
          handler: ({ input, facts }) =>
            reply.done(port().revoke(tokenName(input.token), callerOf(facts), false)),
        },
      },
    }),
    definePath({
      pattern: 'revoke-orphan',
      access: 'token',
      summary: 'Revokes a token and lets its children live on as orphans.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Revoke without the children.',
          handler: async ({ input, facts, sudo }) => {
            const name = tokenName(input.token)
            if (!sudo) throw invalid('root or sudo privileges required to revoke and orphan')
            if (!(await port().revoke(name, callerOf(facts), true))) {
              throw invalid('token to revoke not found')
            }
            return reply.none()
          },
        },
      },
    }),
    definePath({
      pattern: 'revoke-accessor',
      access: 'token',
      summary: 'Revokes the token of an accessor with its children.',
      fields: nameFields,
      operations: {
        write: {
          summary: 'Revoke by accessor.',
          handler: async ({ input, facts }) => {
            const found = await port().revoke(accessorName(input.accessor), callerOf(facts), false)
            return found ? reply.none() : reply.none(['No token found with this accessor'])
          },
        },
      },
    }),
  ]
}

function creationPaths<Known>(
  port: () => TokenPort<Known>,
  roles: TokenRoles,
): readonly PathDeclaration[] {
  const definePath = corePaths<Known>()
  const summary = 'Create a token.'
  return [
    definePath({
      pattern: 'create',
      access: 'token',
      summary: 'Creates a child of the calling token.',
      fields: createFields,
      operations: { write: { summary, handler: (request) => createToken(port, request, {}) } },
    }),
    definePath({
      pattern: 'create-orphan',
      access: 'token',
      summary: 'Creates a token without a parent.',
      fields: createFields,
      operations: {
        write: { summary, handler: (request) => createToken(port, request, { orphanPath: true }) },
      },
    }),
    definePath({
      pattern: 'create/:role_name',
      access: 'token',
      summary: 'Creates a token as a token role says.',
      fields: { ...createFields, role_name: tokenRoleNameField },
      operations: {
        write: {
          summary,
          handler: async (request) => {
            const role = await roles.require(request.input.role_name ?? '')
            return createToken(port, request, { role })
          },
        },
      },
    }),
  ]
}

/** By which path a token is made. */
interface CreationWay {
  readonly orphanPath?: boolean
  readonly role?: TokenRole
}

async function createToken<Known>(
  port: () => TokenPort<Known>,
  { input, facts, sudo, fullPath }: CoreRequest<Input<typeof createFields>, Known>,
  { orphanPath = false, role }: CreationWay,
): Promise<Reply> {
  const ttl = parseTtl('ttl', (input.ttl ?? '') === '' ? input.lease : input.ttl)
  const explicitMaxTtl = parseTtl('explicit_max_ttl', input.explicit_max_ttl)
  const period = parseTtl('period', input.period)
  const answer = await port().create(
    {
      id: (input.id ?? '') === '' ? undefined : input.id,
      policies: input.policies ?? [],
      meta: input.meta,
      noParent: input.no_parent ?? false,
      noDefaultPolicy: input.no_default_policy ?? false,
      renewable: input.renewable ?? true,
      ttlSeconds: ttl.seconds,
      explicitMaxTtlSeconds: explicitMaxTtl.seconds,
      periodSeconds: period.seconds,
      durationProblem: ttl.problem ?? explicitMaxTtl.problem ?? period.problem,
      displayName: input.display_name ?? '',
      numUses: input.num_uses ?? 0,
      type: input.type ?? '',
      entityAlias: input.entity_alias ?? '',
      orphanPath,
      path: role === undefined ? fullPath : creationPathOf(role),
      role,
    },
    callerOf(facts),
    sudo,
  )
  return { ...authReply(answer), isNew: true }
}

/** Where the leases of its tokens are. */
function creationPathOf({ name, path_suffix: suffix }: TokenRole): string {
  return `auth/token/create/${name}${suffix === '' ? '' : `/${suffix}`}`
}

function parseTtl(
  name: string,
  text: string | undefined,
): { readonly seconds: number; readonly problem?: string } {
  if (text === undefined || text === '') return { seconds: 0 }
  const seconds = parseDurationSeconds(text)
  if (seconds === undefined) {
    return {
      seconds: 0,
      problem: `error parsing '${name}': expected a duration such as "90s", "1h30m" or "7d"`,
    }
  }
  return seconds < 0 ? { seconds: 0, problem: `${name} must be positive` } : { seconds }
}

function tokenName(text: string | undefined): TokenName {
  if (text === undefined || text === '') throw invalid('missing token ID')
  return { kind: 'token', text }
}

function accessorName(accessor: string | undefined): TokenName {
  if (accessor === undefined || accessor === '') throw invalid('missing accessor')
  return { kind: 'accessor', accessor }
}

function callerOf<Known>({ caller }: RequestFacts<Known>): Known {
  if (caller === undefined) throw new Refusal('token_refused')
  return caller
}

function renewerOf<Known>(request: CoreRequest<unknown, Known>): Renewer<Known> {
  return { caller: callerOf(request.facts), clientAddress: request.clientAddress }
}

function authReply(answer: TokenAnswer): Extract<Reply, { kind: 'auth' }> {
  return { kind: 'auth', auth: answer.auth, warnings: answer.warnings }
}

function withText(answer: TokenAnswer, text: string): TokenAnswer {
  return { ...answer, auth: { ...answer.auth, client_token: text } }
}

/** The text of the caller's own token, where the front end found it: an empty header is none. */
function ownText(request: Pick<Request<unknown>, 'header'>): string {
  return request.header('x-vault-token') || bearer(request.header('authorization'))
}

function bearer(header: string | undefined): string {
  return header?.startsWith('Bearer ') === true ? header.slice('Bearer '.length).trim() : ''
}
