/** One path has one decision, however it is spelt: what the policy sees is what the router and the handler see. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'
import { manualClock, startTestServer } from '../harness/test-server.ts'
import { head, RawConnection, type RawAnswer } from './running-server.ts'

const spellings = 10_000

/** Characters that could be taken for structure, by somebody, at some time. */
const characters = [
  'a',
  'b',
  'T',
  '.',
  '..',
  '/',
  '//',
  '%',
  '%2F',
  '%2e',
  '\\',
  ' ',
  '+',
  ';',
  '=',
]
const odd = ['é', '漢', '\u0000', '\n', '\u202e', '?', '#', '*']

const prefixes = ['secret/data/team/', 'secret/data/', 'sys/policies/acl/', 'auth/token/', '']
const names = ['team/open', 'team/private', 'private', 'open', 'lookup-self', 'sys/health', '..']

const path = fc
  .tuple(
    fc.constantFrom(...prefixes),
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...names) },
      {
        weight: 2,
        arbitrary: fc
          .array(fc.constantFrom(...characters, ...odd), { maxLength: 6 })
          .map((all) => all.join('')),
      },
    ),
  )
  .map(([prefix, name]) => prefix + name)

/** Each byte as it is or escaped, in either case; what cannot stand in a request line is always escaped. */
function spell(text: string, choices: readonly number[]): string {
  let spelt = ''
  let i = 0
  for (const byte of Buffer.from(text)) {
    const choice = choices[i++ % choices.length] ?? 0
    const mustEscape = byte <= 0x20 || byte >= 0x7f || '%?#'.includes(String.fromCharCode(byte))
    const escape = `%${byte.toString(16).padStart(2, '0')}`
    if (!mustEscape && choice < 2) spelt += String.fromCharCode(byte)
    else spelt += choice % 2 === 0 ? escape : escape.toUpperCase()
  }
  return spelt
}

/** The status that the catalogue wants for the path itself; undefined: what its plain spelling gives. */
function refusedStatus(text: string): 400 | undefined {
  const collapsed = text.replaceAll(/\/+/g, '/')
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\\/u.test(collapsed)) return 400
  return collapsed.split('/').some((segment) => segment === '.' || segment === '..')
    ? 400
    : undefined
}

test(`for ${spellings} random spellings the decision is that of the decoded path (SEC-HTP-06)`, async (t) => {
  // Standing still: the time that a token has left is in its answer.
  const server = await startTestServer({ clock: manualClock() })
  t.after(() => server.stop())
  for (const name of ['team/open', 'team/private', 'private', 'team/a%2Fb', 'team/é']) {
    const escaped = name.split('/').map(encodeURIComponent).join('/')
    await server.root.must(`secret/data/${escaped}`, { data: { name } })
  }
  const limited = await server.root.tokenFor(
    'limited',
    `path "secret/data/team/*" { capabilities = ["read", "list"] }
     path "secret/data/team/private" { capabilities = ["deny"] }
     path "auth/token/lookup-self" { capabilities = ["read"] }`,
  )
  const connection = await RawConnection.open(server.port)
  const ask = async (verb: string, target: string): Promise<RawAnswer> =>
    connection.ask(head(`${verb} ${target}`, `X-Vault-Token: ${limited.token}`))
  const decided = async (verb: string, target: string): Promise<unknown> => {
    const { status, body } = await ask(verb, target)
    const { data, errors } = JSON.parse(body) as { data: unknown; errors: unknown }
    return { status, data, errors }
  }
  const known = new Map<string, unknown>()
  const seen = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(
      path,
      fc.array(fc.nat(7), { minLength: 1, maxLength: 24 }),
      fc.constantFrom('GET', 'GET', 'GET', 'LIST'),
      async (text, choices, verb) => {
        const target = `/v1/${text}`
        // The first slash tells the parser that this is a path.
        const got = await decided(verb, `/${spell(target.slice(1), choices)}`)
        const { status } = got as { status: number }
        seen.set(status, (seen.get(status) ?? 0) + 1)
        const refused = refusedStatus(target)
        if (refused !== undefined) return assert.equal(status, refused)
        // Its plainest spelling, asked for once.
        const plain = target.replaceAll(/\/+/g, '/').split('/').map(encodeURIComponent).join('/')
        const key = `${verb} ${plain}`
        if (!known.has(key)) known.set(key, await decided(verb, plain))
        return assert.deepEqual(got, known.get(key))
      },
    ),
    { numRuns: spellings },
  )
  connection.close()
  // Reads, refusals and paths that nobody may have are all among them.
  for (const status of [200, 400, 403]) assert.ok((seen.get(status) ?? 0) > 100, `${status}`)
})
