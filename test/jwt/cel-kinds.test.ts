/** What of CEL roles no request can bring about: a token from before there were kinds of roles, and a look ahead (jwt-oidc.md §3.9, §6.3). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PluginHarness } from '../harness/plugin-harness.ts'
import { jwtBackend } from '../../src/auth/jwt/index.ts'
import { Refusal } from '../../src/framework/refusal.ts'
import { compileCel } from '../../src/trust/cel.ts'
import { configS, issuerUrl } from './fixture.ts'

test('a program knows whether it is asked for a login or for a look ahead (CEL-029)', () => {
  const expression = `operation == 'alias-lookahead' ? 'ahead' : operation`
  const program = compileCel({ variables: [], expression })
  assert.ok(program.ok)
  const answer = (operation: 'update' | 'alias-lookahead') =>
    program.value.evaluate({}, { nowMs: 0, operation })
  assert.deepEqual(answer('update'), { kind: 'blocked', text: 'update' })
  assert.deepEqual(answer('alias-lookahead'), { kind: 'blocked', text: 'ahead' })
})

test('a token that knows no kind of its role is renewed by the only role of that name, the native one first (LOG-036)', async () => {
  const harness = new PluginHarness(jwtBackend)
  assert.equal((await harness.put('config', configS)).status, 204)
  const cel_program = { expression: 'pb.Auth{}' }
  assert.equal((await harness.put('cel/role/old', { cel_program })).status, 200)
  const renew = (kind: string) =>
    harness.backend.renew?.({
      role: { name: 'old', kind, version: 0 },
      facts: { iss: issuerUrl, sub: 's', terms: { ttl: 60, max_ttl: 120, period: 0 } },
      policies: [],
      clientAddress: '127.0.0.1',
      nowMs: harness.clock.nowMs(),
    })
  const byProgram = { ttlSeconds: 60, maxTtlSeconds: 120, periodSeconds: 0 }
  assert.deepEqual(await renew(''), byProgram)
  assert.deepEqual(await renew('cel'), byProgram)
  await assert.rejects(async () => renew('native'), Refusal)
  const native = { role_type: 'jwt', user_claim: 'sub', bound_subject: 's', token_ttl: 30 }
  assert.equal((await harness.put('role/old', native)).status, 204)
  assert.equal((await renew(''))?.ttlSeconds, 30)
  assert.equal((await renew('cel'))?.ttlSeconds, 60)
})
