/**
 * Groups of a person in Microsoft Graph (jwt-oidc.md §5.2): `getMemberObjects`, all of its pages.
 */

import { isJsonObject, member } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  directoryGroupsMax,
  nextPage,
  textsIn,
  type DirectoryCalls,
  type DirectoryProblem,
} from './directory-calls.ts'

export const ownMemberObjects = 'https://graph.microsoft.com/v1.0/me/getMemberObjects'

/** Hosts that tokens still name and that answer no more. */
const movedHosts: Readonly<Record<string, string>> = {
  'graph.windows.net': 'graph.microsoft.com',
  'graph.microsoftazure.us': 'graph.microsoft.us',
}

/** The address of a distributed claim as it is asked; undefined when it is none. */
export function graphEndpoint(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const host = Object.hasOwn(movedHosts, url.host) ? movedHosts[url.host] : undefined
  if (host === undefined) return url.href
  url.host = host
  url.pathname = `/v1.0${url.pathname}`
  return url.href
}

export async function fetchGraphGroups(
  calls: DirectoryCalls,
  endpoint: string,
  accessToken: string,
): Promise<Result<readonly string[], DirectoryProblem>> {
  const authorization = `Bearer ${accessToken}`
  const groups: string[] = []
  let url = endpoint
  // The calls of a login are counted where they are made.
  for (let isFirst = true; ; isFirst = false) {
    const answer = await calls.ask(
      isFirst
        ? {
            method: 'POST',
            url,
            headers: { authorization, 'content-type': 'application/json' },
            body: '{"securityEnabledOnly": false}',
          }
        : { method: 'GET', url, headers: { authorization } },
    )
    if (!answer.ok) return answer
    const { json } = answer.value
    const page = textsIn(json, 'value')
    if (page === undefined) return err('Microsoft Graph answered without a list of groups')
    groups.push(...page)
    if (groups.length > directoryGroupsMax) return err(`more than ${directoryGroupsMax} groups`)
    const link = isJsonObject(json) ? member(json, '@odata.nextLink') : undefined
    if (link === undefined || link === null) return ok(groups)
    const next = typeof link === 'string' ? nextPage(endpoint, link) : nextPage(endpoint, '//')
    if (!next.ok) return next
    url = next.value
  }
}
