/** Groups of a person in Okta (jwt-oidc.md §5.4): `/api/v1/users/{id}/groups`, all of its pages. */

import { isJsonArray, isJsonObject, member, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  directoryGroupsMax,
  nextPage,
  type DirectoryCalls,
  type DirectoryProblem,
} from './directory-calls.ts'
import { nextLink } from './link-header.ts'

const pagesMax = 200

export async function fetchOktaGroups(
  calls: DirectoryCalls,
  orgUrl: string,
  userId: string,
  apiToken: string,
): Promise<Result<readonly string[], DirectoryProblem>> {
  const first = `${orgUrl}/api/v1/users/${encodeURIComponent(userId)}/groups`
  const groups: string[] = []
  let url = first
  for (let page = 0; page < pagesMax; page++) {
    const answer = await calls.ask({
      method: 'GET',
      url,
      headers: { authorization: `SSWS ${apiToken}` },
    })
    if (!answer.ok) return answer
    const names = namesOf(answer.value.json)
    if (names === undefined) return err('Okta answered without a list of groups')
    groups.push(...names)
    if (groups.length > directoryGroupsMax) return err(`more than ${directoryGroupsMax} groups`)
    const link = nextLink(answer.value.headers['link'])
    if (link === undefined) return ok(groups)
    const next = nextPage(first, link)
    if (!next.ok) return next
    url = next.value
  }
  return err(`Okta has more than ${pagesMax} pages of groups`)
}

/** Without empty names; undefined when one of them is no group. */
function namesOf(json: JsonValue): readonly string[] | undefined {
  if (!isJsonArray(json)) return undefined
  const names: string[] = []
  for (const group of json) {
    const profile = isJsonObject(group) ? member(group, 'profile') : undefined
    const name = isJsonObject(profile) ? (member(profile, 'name') ?? '') : undefined
    if (typeof name !== 'string') return undefined
    if (name !== '') names.push(name)
  }
  return names
}
