/** The time rules of a login, each on a static key and on a key set, by a clock that stands still (jwt-oidc.md §3.5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'
import {
  assertReason,
  assertStatus,
  configS,
  issuerUrl,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
} from './fixture.ts'

type Dates = Readonly<Partial<Record<'iat' | 'nbf' | 'exp', unknown>>>
/** Seconds from now become dates; anything that is no number is taken as it is. */
type Row = readonly [
  id: string,
  claims: Dates,
  leeways: readonly [number, number, number],
  outcome: string,
]

const late = 'not_yet_valid'
const rows: readonly Row[] = [
  ['TIM-001', { iat: -205 }, [0, 0, 0], 'ok'],
  ['TIM-002', { iat: -215 }, [0, 0, 0], 'expired'],
  ['TIM-003', { iat: -150 }, [10, 0, 0], 'ok'],
  ['TIM-004', { iat: -165 }, [10, 0, 0], 'expired'],
  ['TIM-005', { iat: -145 }, [-1, 0, 0], 'ok'],
  ['TIM-006', { iat: -155 }, [-1, 0, 0], 'expired'],
  ['TIM-007', { nbf: -205 }, [0, 0, 0], 'ok'],
  ['TIM-008', { nbf: -215 }, [0, 0, 0], 'expired'],
  ['TIM-009', { nbf: -145 }, [10, 0, 0], 'ok'],
  ['TIM-010', { nbf: -165 }, [10, 0, 0], 'expired'],
  ['TIM-011', { nbf: -145 }, [-1, 0, 0], 'ok'],
  ['TIM-012', { nbf: -155 }, [-1, 0, 0], 'expired'],
  ['TIM-013', { iat: -65 }, [0, 10, 0], 'ok'],
  ['TIM-014', { iat: -75 }, [0, 10, 0], 'expired'],
  ['TIM-015', { iat: -5 }, [10, 10, 0], 'ok'],
  ['TIM-016', { iat: -25 }, [10, 10, 0], 'expired'],
  ['TIM-017', { iat: -5 }, [10, -1, 0], 'ok'],
  ['TIM-018', { iat: -15 }, [10, -1, 0], 'expired'],
  ['TIM-019', { nbf: -65 }, [0, 10, 0], 'ok'],
  ['TIM-020', { nbf: -75 }, [0, 10, 0], 'expired'],
  ['TIM-021', { nbf: -5 }, [10, 10, 0], 'ok'],
  ['TIM-021', { nbf: -5 }, [10, -1, 0], 'ok'],
  ['TIM-022', { nbf: -25 }, [10, 10, 0], 'expired'],
  ['TIM-023', { nbf: -15 }, [10, -1, 0], 'expired'],
  ['TIM-024', { iat: 55 }, [0, 0, -1], 'ok'],
  ['TIM-025', { iat: 65 }, [0, 0, -1], late],
  ['TIM-026', { iat: 5 }, [10, 0, -1], 'ok'],
  ['TIM-027', { iat: 15 }, [10, 0, -1], late],
  ['TIM-028', { iat: 0 }, [-1, 0, 5], 'ok'],
  ['TIM-029', { iat: 6 }, [-1, 0, 5], late],
  ['TIM-030', { exp: 205 }, [0, 0, 0], 'ok'],
  ['TIM-031', { exp: 215 }, [0, 0, 0], late],
  ['TIM-032', { exp: 150 }, [10, 0, 0], 'ok'],
  ['TIM-033', { exp: 165 }, [10, 0, 0], late],
  ['TIM-034', { exp: 145 }, [-1, 0, 0], 'ok'],
  ['TIM-035', { exp: 152 }, [-1, 0, 0], late],
  ['TIM-036', { exp: 65 }, [0, 0, 10], 'ok'],
  ['TIM-037', { exp: 75 }, [0, 0, 10], late],
  ['TIM-038', { exp: 15 }, [10, 0, 10], 'ok'],
  ['TIM-039', { exp: 25 }, [10, 0, 10], late],
  ['TIM-040', { exp: 3 }, [-1, 0, 5], 'ok'],
  ['TIM-040', { exp: 3 }, [-100, 0, 5], 'ok'],
  ['TIM-041', { exp: 7 }, [-1, 0, 5], late],
  ['TIM-041', { exp: 7 }, [-100, 0, 5], late],
  ['TIM-042', {}, [0, 0, 0], 'time_missing'],
  ['TIM-042', {}, [10, 10, 10], 'time_missing'],
  ['TIM-043', { iat: -3600, exp: -100 }, [0, 600, 0], 'expired'],
  ['TIM-044', { iat: -10, nbf: 100, exp: 900 }, [0, 0, 600], late],
  ['TIM-045', { exp: '123' }, [0, 0, 0], 'time_malformed'],
  ['TIM-046', { iat: -10, exp: '=0' }, [0, 0, 0], 'time_malformed'],
  ['TIM-046', { iat: -10, exp: null }, [0, 0, 0], 'time_malformed'],
  ['TIM-046', { iat: -10, exp: '=-5' }, [0, 0, 0], 'time_malformed'],
  ['TIM-046', { iat: -10, exp: '=253402300800' }, [0, 0, 0], 'time_malformed'],
  ['TIM-046', { iat: '=0', exp: 60 }, [0, 0, 0], 'time_malformed'],
  // Every border of the table in jwt-oidc.md §3.5, inclusive, and one second beyond it.
  ['SEC-JSN-20', { iat: -210 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-20', { iat: -211 }, [0, 0, 0], 'expired'],
  ['SEC-JSN-20', { iat: 60 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-20', { iat: 61 }, [0, 0, 0], late],
  ['SEC-JSN-20', { exp: 210 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-20', { exp: 211 }, [0, 0, 0], late],
  ['SEC-JSN-20', { exp: -60 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-20', { exp: -61 }, [0, 0, 0], 'expired'],
  ['SEC-JSN-20', { iat: 0, exp: 0 }, [-1, 0, 0], 'ok'],
  ['SEC-JSN-20', { nbf: -10, iat: 61, exp: 100 }, [0, 0, 0], 'issued_in_future'],
  ['SEC-JSN-20', { nbf: 60, iat: 60, exp: 100 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-20', { iat: -100, nbf: -100, exp: -11 }, [10, 300, 300], 'expired'],
  ['SEC-JSN-20', { iat: -100, nbf: -100, exp: -10 }, [10, 300, 300], 'ok'],
  ['SEC-JSN-19', { iat: -10, exp: 60.75 }, [0, 0, 0], 'ok'],
  ['SEC-JSN-18', { iat: -10, exp: true }, [0, 0, 0], 'time_malformed'],
  ['SEC-JSN-18', { iat: -10, exp: [5] }, [0, 0, 0], 'time_malformed'],
  ['SEC-JSN-18', { iat: -10, exp: { a: 1 } }, [0, 0, 0], 'time_malformed'],
  ['SEC-JSN-18', { iat: -10, exp: '=9007199254740993' }, [0, 0, 0], 'time_malformed'],
]

const clock = manualClock()
const now = clock.nowMs() / 1000
let server: TestServer
let jwks: RunningServer
const mounts: string[] = []

before(async () => {
  server = await startTestServer({ clock })
  jwks = await startServer((_request, response) =>
    sendText(response, JSON.stringify({ keys: [keyK.jwk] })),
  )
  for (const config of [configS, { jwks_url: jwks.url, bound_issuer: issuerUrl }]) {
    mounts.push(await makeMount(server.root, config))
  }
})
after(async () => {
  await server.stop()
  await jwks.close()
})

rows.forEach(([id, claims, leeways, outcome], i) => {
  test(`${id}: ${JSON.stringify(claims)} with leeways ${leeways.join('/')} is ${outcome}`, async () => {
    const [clock_skew_leeway, expiration_leeway, not_before_leeway] = leeways
    const dates: Record<string, unknown> = { iat: undefined, nbf: undefined, exp: undefined }
    for (const [name, value] of Object.entries(claims)) dates[name] = dateOf(value)
    const jwt = keyK.sign({ ...plainClaims, ...dates })
    for (const mount of mounts) {
      await server.root.must(`auth/${mount}/role/t${i}`, {
        ...plainRole,
        clock_skew_leeway,
        expiration_leeway,
        not_before_leeway,
      })
      const result = await login(server, mount, `t${i}`, jwt)
      if (outcome === 'ok') assertStatus(result, 200)
      else assertReason(result, outcome)
    }
  })
})

/** A number counts from now, `=5` is five, everything else stays. */
function dateOf(value: unknown): unknown {
  if (typeof value === 'number') return now + value
  return typeof value === 'string' && value.startsWith('=') ? Number(value.slice(1)) : value
}

test('SEC-JSN-20: time that passes ends a token', async () => {
  const mount = mounts[0] ?? ''
  await server.root.must(`auth/${mount}/role/pass`, { ...plainRole, clock_skew_leeway: -1 })
  const jwt = keyK.sign({ ...plainClaims, iat: now, nbf: now, exp: now + 30 })
  assertStatus(await login(server, mount, 'pass', jwt), 200)
  clock.advance(31_000)
  assertReason(await login(server, mount, 'pass', jwt), 'expired')
  assert.equal(clock.nowMs() / 1000, now + 31)
})
