/**
 * Who am I, and the way out: what the API says of the token of this browser, and the end of both.
 */

import { isJsonArray, isJsonObject, member, type JsonObject } from '../lib/json.ts'
import { explainedPolicies, groupText } from '../lib/policy-reason.ts'
import { accountPage, type Right, type SignedInVia, type TokenFacts } from './account-page.ts'
import { isSuccess, numberAt, objectAt, textAt, textsAt } from './api-answer.ts'
import { holdAutoStart } from './auto-start.ts'
import { problemAnswer } from './failure.ts'
import type { ShownMount } from './login-page.ts'
import { link } from './own-path.ts'
import { visibleMounts } from './picker.ts'
import type { Session } from './session.ts'
import { dropSession, endSession } from './session-change.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { ApiResult, WebAnswer } from './web-doors.ts'

export async function home(visit: Visit): Promise<WebAnswer> {
  const session = await visit.session()
  if (session === undefined) {
    const here = visit.request.query === '' ? '' : `/ui/?${visit.request.query}`
    return visit.redirect(link('/ui/login', { return_to: here }))
  }
  const { token } = session
  const [rules, rights, self, mounts] = await Promise.all([
    visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token }),
    visit.api({ verb: 'read', path: 'sys/internal/ui/whoami', token }),
    visit.api({ verb: 'read', path: 'auth/token/lookup-self', token }),
    visibleMounts(visit, ''),
  ])
  if (rules.status !== 200) return sessionOver(visit, rules)
  const facts = isSuccess(self) ? factsOf(self) : undefined
  const via = facts === undefined ? undefined : viaOf(facts, mounts)
  const who = objectAt(rights.body, 'data') ?? {}
  const groups = member(who, 'groups')
  return visit.page(
    accountPage({
      ...visit.frame(),
      formToken: visit.formToken(),
      name: facts === undefined ? '' : nameOf(facts, via),
      via,
      command: commandOf(via, visit.doors.publicOrigin(visit.request) ?? ''),
      facts,
      groups: isJsonArray(groups) ? groups.map(groupText) : [],
      policies: explainedPolicies(member(who, 'policies')),
      rights: rightsOf(rules, policiesByPath(who)),
      isPasted: session.kind === 'pasted',
    }),
  )
}

/** The token ended before its session did. */
function sessionOver(visit: Visit, result: ApiResult): WebAnswer {
  if (!isSuccess(result)) {
    return problemAnswer(visit, {
      status: result.status,
      ...strings.problems.noLookUp,
      actions: [{ address: '/ui/', label: strings.actions.tryAgain }],
    })
  }
  dropSession(visit)
  return visit.redirect('/ui/login?ended=1')
}

function factsOf(result: ApiResult): TokenFacts {
  const data = objectAt(result.body, 'data') ?? {}
  const metadata = objectAt(data, 'meta') ?? {}
  return {
    displayName: textAt(data, 'display_name'),
    entityId: textAt(data, 'entity_id'),
    path: textAt(data, 'path'),
    type: textAt(data, 'type'),
    expiresAt: textAt(data, 'expire_time'),
    secondsLeft: numberAt(data, 'ttl'),
    metadata: Object.keys(metadata).map((name) => [name, textAt(metadata, name)] as const),
  }
}

/** What the provider calls the person, or else what the mount does. */
function nameOf({ metadata, displayName }: TokenFacts, via: SignedInVia | undefined): string {
  const name = metadata.find(([key]) => key === 'name')?.[1] ?? ''
  if (name !== '') return name
  // A login's display name is the mount's path and the name there.
  const prefix = via === undefined ? '' : `${via.mount.replaceAll('/', '-')}-`
  return displayName.startsWith(prefix) ? displayName.slice(prefix.length) : displayName
}

const loginPath = /^auth\/(.+?)\/(?:oidc\/(?:callback|poll)|cel\/login|login(?:\/.*)?)$/

function viaOf(
  { path, metadata }: TokenFacts,
  mounts: readonly ShownMount[],
): SignedInVia | undefined {
  const mount = loginPath.exec(path)?.[1]
  if (mount === undefined) return undefined
  const description = mounts.find(({ name }) => name === mount)?.description ?? ''
  const role = metadata.find(([key]) => key === 'role')?.[1] ?? ''
  return { mount, description, role, isBrowser: path.includes('/oidc/') }
}

/** Only a sign-in through the provider can be made again without a secret at hand. */
function commandOf(via: SignedInVia | undefined, origin: string): readonly string[] {
  if (via?.isBrowser !== true) return []
  const { mount, role } = via
  return [
    'tokenstile',
    'login',
    ...(origin === '' ? [] : [`-address=${origin}`]),
    '-method=oidc',
    ...(mount === 'oidc' ? [] : [`-path=${mount}`]),
    ...(role === '' ? [] : [`role=${role}`]),
  ]
}

function policiesByPath(who: JsonObject): ReadonlyMap<string, readonly string[]> {
  const rules = member(who, 'rules')
  if (!isJsonArray(rules)) return new Map()
  return new Map(
    rules
      .filter(isJsonObject)
      .map((rule) => [textAt(rule, 'path'), textsAt(rule, 'policies')] as const),
  )
}

function rightsOf(
  result: ApiResult,
  policies: ReadonlyMap<string, readonly string[]>,
): 'root' | readonly Right[] {
  const data = objectAt(result.body, 'data') ?? {}
  if (member(data, 'root') === true) return 'root'
  const rights = (name: string, ending: string): readonly Right[] => {
    const rules = objectAt(data, name) ?? {}
    return Object.keys(rules).map((path) => ({
      path: path + ending,
      policies: policies.get(path + ending) ?? [],
      capabilities: textsAt(objectAt(rules, path), 'capabilities'),
    }))
  }
  return [...rights('exact_paths', ''), ...rights('glob_paths', '*')].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  )
}

/** Ends the token, unless the form says to keep it; the session ends whatever comes of that. */
export async function signOut(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const session = await visit.session()
  let isAlive = false
  if (session !== undefined && !(session.kind === 'pasted' && form.get('token') === 'keep')) {
    const result = await revokeToken(visit, session)
    if (result === 'unavailable') {
      return problemAnswer(visit, {
        status: 503,
        ...strings.problems.notRevoked,
        actions: [{ address: '/ui/', label: strings.actions.back }],
      })
    }
    isAlive = result === 'alive'
  }
  await endSession(visit)
  dropSession(visit)
  holdAutoStart(visit)
  return visit.redirect(`/ui/login?signed_out=${isAlive ? 'alive' : '1'}`)
}

/**
 * Gone already is gone; but a batch token has no end before its time, and some tokens lack the
 * right to end themselves.
 */
async function revokeToken(
  visit: Visit,
  { token }: Session,
): Promise<'gone' | 'alive' | 'unavailable'> {
  const result = await visit.api({ verb: 'write', path: 'auth/token/revoke-self', token })
  if (isSuccess(result)) return 'gone'
  if (result.status >= 500 || result.status === 429) return 'unavailable'
  const rules = await visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token })
  return rules.status === 200 ? 'alive' : 'gone'
}
