/** The log of logins by itself: what a method records, and what is no end of a login. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoginLog } from '../../src/core/login-log.ts'
import { closedSwitches, type ApiRequest } from '../../src/framework/api.ts'
import type { LoginNote } from '../../src/framework/login-log.ts'
import { invalid, Refusal, type RefusalDetail } from '../../src/framework/refusal.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { ServerMetrics } from '../../src/core/metrics.ts'
import { LineLogger, type LogLevel } from '../../src/platform/logger.ts'

function makeLog(level: LogLevel = 'info') {
  const lines: Record<string, unknown>[] = []
  const clock = new ManualClock(0)
  const logger = new LineLogger({
    level,
    format: 'json',
    nowMs: () => clock.nowMs(),
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
  })
  const metrics = new ServerMetrics(clock)
  const log = new LoginLog({ logger, clock, mountOf: () => 'oidc/', metrics })
  const refuse = (refusal: Refusal) =>
    log.ended({ kind: 'refusal', requestId: 'id', refusal }, request, clock.monotonicMs())
  return { log, lines, clock, refuse }
}

const request: ApiRequest = {
  verb: 'write',
  path: 'auth/oidc/oidc/poll',
  data: {},
  token: undefined,
  namespace: '',
  wrapTtlSeconds: 0,
  via: 'socket',
  clientAddress: '192.0.2.1',
  clientPort: 1,
  header: () => undefined,
  listener: closedSwitches,
  signal: new AbortController().signal,
  isGone: false,
}

const loginRefused = (detail: RefusalDetail) => new Refusal('login_refused', detail)

test('a sign-in that ends in a page is recorded by its method, with the mount', () => {
  const { log, lines } = makeLog()
  const note: LoginNote = { role: 'web', reason: 'idp_denied' }
  const ofMount = log.ofMount(() => 'team/oidc/')
  ofMount.record({ requestId: 'r1', end: 'refused', clientAddress: undefined, note })
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.['mount'], 'team/oidc/')
  assert.equal(lines[0]?.['reason'], 'idp_denied')
})

test('a poll that is to come again, a failure told once more and other refusals leave no line', () => {
  const { lines, refuse } = makeLog()
  refuse(loginRefused({ reason: 'device_pending' }))
  refuse(loginRefused({ reason: 'device_slow_down' }))
  refuse(loginRefused({ reason: 'idp_denied', note: { isLogged: true } }))
  refuse(invalid('the field role is not a text'))
  refuse(new Refusal('policy_denied'))
  assert.deepEqual(lines, [])
  refuse(loginRefused({ reason: 'device_expired' }))
  refuse(new Refusal('token_refused', { note: { reason: 'source_address_refused' } }))
  assert.deepEqual(
    lines.map((line) => line['reason']),
    ['device_expired', 'source_address_refused'],
  )
})

test('a level that leaves a line out asks for no note either', () => {
  const { log, lines, refuse } = makeLog('error')
  const ofMount = log.ofMount(() => 'oidc/')
  assert.ok(!ofMount.isEnabled('accepted') && !ofMount.isEnabled('refused'))
  refuse(loginRefused({ reason: 'device_expired' }))
  assert.deepEqual(lines, [])
  const warn = makeLog('warn').log.ofMount(() => 'oidc/')
  assert.ok(!warn.isEnabled('accepted') && warn.isEnabled('refused'))
})

test('a flood of any length stays at 200 lines a second, and each second says what it left out', () => {
  const { lines, clock, refuse } = makeLog()
  for (let second = 1; second <= 5; second++) {
    for (let i = 0; i < 10_000; i++) refuse(loginRefused({ reason: 'state_unknown' }))
    clock.advance(1000)
    assert.equal(lines.length, second * 200)
    assert.equal(lines.at(-1)?.['count'], 10_000 - 199)
  }
})
