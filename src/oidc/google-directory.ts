/** People and groups of a Google Workspace, by the Directory API (jwt-oidc.md §5.3). */

import { isJsonArray, isJsonObject, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  directoryGroupsMax,
  type DirectoryCalls,
  type DirectoryProblem,
} from './directory-calls.ts'

export const directoryScopes: readonly string[] = [
  'https://www.googleapis.com/auth/admin.directory.group.readonly',
  'https://www.googleapis.com/auth/admin.directory.user.readonly',
]

const directoryUrl = 'https://admin.googleapis.com/admin/directory/v1'

export class GoogleDirectory {
  readonly #calls: DirectoryCalls
  readonly #headers: Readonly<Record<string, string>>

  constructor(calls: DirectoryCalls, accessToken: string) {
    this.#calls = calls
    this.#headers = { authorization: `Bearer ${accessToken}` }
  }

  /**
   * Groups that the person is in, and those that these groups are in, so many times over. Each
   * group is searched once, so that groups within each other come to an end.
   */
  async groups(
    userId: string,
    options: { readonly domain: string; readonly depthMax: number },
  ): Promise<Result<readonly string[], DirectoryProblem>> {
    const found = new Set<string>()
    let searched = [userId]
    for (let depth = 0; depth <= options.depthMax && searched.length > 0; depth++) {
      const fresh: string[] = []
      for (const key of searched) {
        const groups = await this.#search(key, options.domain)
        if (!groups.ok) return groups
        for (const group of groups.value) {
          if (!found.has(group)) fresh.push(group)
          found.add(group)
        }
        if (found.size > directoryGroupsMax) return err(`more than ${directoryGroupsMax} groups`)
      }
      searched = fresh
    }
    return ok([...found])
  }

  async #search(
    userKey: string,
    domain: string,
  ): Promise<Result<readonly string[], DirectoryProblem>> {
    const groups: string[] = []
    let pageToken = ''
    // The calls of a login are counted where they are made.
    for (;;) {
      const query = new URLSearchParams({
        userKey,
        ...(domain === '' ? {} : { domain }),
        ...(pageToken === '' ? {} : { pageToken }),
        fields: 'nextPageToken,groups(email)',
      })
      const page = await this.#get(`${directoryUrl}/groups?${query.toString()}`)
      if (!page.ok) return page
      const emails = emailsOf(member(page.value, 'groups') ?? [])
      if (emails === undefined) return err('Google answered without a list of groups')
      groups.push(...emails)
      if (groups.length > directoryGroupsMax) return err(`more than ${directoryGroupsMax} groups`)
      const next = member(page.value, 'nextPageToken') ?? ''
      if (typeof next !== 'string') return err('Google answered with a page that has no token')
      if (next === '') return ok(groups)
      pageToken = next
    }
  }

  /** Values of these schemas, each under its name. */
  async customSchemas(
    userId: string,
    schemas: string,
  ): Promise<Result<JsonObject, DirectoryProblem>> {
    const query = new URLSearchParams({
      projection: 'custom',
      customFieldMask: schemas,
      fields: 'customSchemas',
    })
    const url = `${directoryUrl}/users/${encodeURIComponent(userId)}?${query.toString()}`
    const user = await this.#get(url)
    if (!user.ok) return user
    const values = member(user.value, 'customSchemas') ?? {}
    return isJsonObject(values) ? ok(values) : err('Google answered without custom schemas')
  }

  async #get(url: string): Promise<Result<JsonObject, DirectoryProblem>> {
    const answer = await this.#calls.ask({ method: 'GET', url, headers: this.#headers })
    if (!answer.ok) return answer
    const { json } = answer.value
    return isJsonObject(json) ? ok(json) : err('Google answered with JSON that is no object')
  }
}

function emailsOf(groups: JsonValue): readonly string[] | undefined {
  if (!isJsonArray(groups)) return undefined
  const emails: string[] = []
  for (const group of groups) {
    const email = isJsonObject(group) ? member(group, 'email') : undefined
    if (typeof email !== 'string') return undefined
    if (email !== '') emails.push(email)
  }
  return emails
}
