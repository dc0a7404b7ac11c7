/**
 * The lists of checks: what they promise to explain, to documentation, and to whoever adds a check.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decideJwtLogin } from '../../src/trust/decide.ts'
import { identityChecks } from '../../src/trust/identity-checks.ts'
import { defineCheck, fail, pass, skip, type LoginCheck } from '../../src/trust/login-check.ts'
import type { JwtLoginInput } from '../../src/trust/login-facts.ts'
import { celLogin, jwtLogin, oidcLogin, selectingLogin } from '../../src/trust/login-lists.ts'
import { createLogin } from '../../src/trust/run-checks.ts'
import { inputOf, judgedOf, tokenOf, withClaims } from './fixture.ts'

const quietHours = defineCheck({
  id: 'quiet_hours',
  title: 'Quiet hours',
  question: 'Is anybody awake?',
  stage: 'identity',
  refusals: { rule_refused: 'nobody logs in as {} at night' },
  judge: (_: JwtLoginInput, { aliasName = '' }) =>
    aliasName === 'ghost' ? fail('rule_refused', undefined, aliasName) : pass,
})

/** Behind the name of the user. */
const place = jwtLogin.checks.findIndex(({ id }) => id === 'user_claim') + 1

/** The list with one more element at that place. */
function listWith(check: LoginCheck<JwtLoginInput>) {
  return createLogin(jwtLogin.checks.toSpliced(place, 0, check))
}

test('a check is added by one element, and it is judged, numbered and shown', () => {
  const login = listWith(quietHours)
  const good = decideJwtLogin(inputOf(), login)
  assert.ok(good.kind === 'decided' && good.decision.kind === 'accepted')
  assert.equal(good.decision.checks.length, jwtLogin.checks.length + 1)
  const row = { n: place + 1, id: 'quiet_hours', title: 'Quiet hours', status: 'pass' }
  assert.deepEqual(good.decision.checks[place], row)

  const ghost = decideJwtLogin(inputOf({ token: tokenOf(withClaims({ user: 'ghost' })) }), login)
  assert.ok(ghost.kind === 'decided')
  const { reason, text, checks } = judgedOf(ghost.decision)
  assert.equal(reason, 'rule_refused')
  assert.equal(text, 'nobody logs in as ghost at night')
  assert.equal(checks[place]?.status, 'fail')
  assert.ok(checks.slice(place + 1).every((check) => check.status === 'skipped'))
})

test('a value of a token that looks like a place in a text is not filled again', () => {
  const login = listWith(
    defineCheck({
      ...quietHours,
      refusals: { rule_refused: '{} and {}' },
      judge: () => fail('rule_refused', undefined, '{}', '$&'),
    }),
  )
  const step = decideJwtLogin(inputOf(), login)
  assert.ok(step.kind === 'decided' && step.decision.kind === 'refused')
  assert.equal(step.decision.failure.text, '{} and $&')
})

test('a list without a proof, or with two checks of one id, is no login', () => {
  const unproven = jwtLogin.checks.filter(({ proves }) => proves !== true)
  assert.throws(() => createLogin(unproven), /proves/)
  assert.throws(() => createLogin([...jwtLogin.checks, ...unproven]), /one id/)
})

test('a list whose proof was taken for granted accepts nobody', () => {
  // The second proof is skipped by mistake; nothing fails, and still nobody gets in.
  const careless = jwtLogin.checks.map((check) =>
    check.id === 'signature' ? { ...check, judge: () => skip } : check,
  )
  assert.throws(() => decideJwtLogin(inputOf(), createLogin(careless)), /neither refused nor/)
})

for (const [name, { checks }] of Object.entries({
  jwtLogin,
  oidcLogin,
  celLogin,
  selectingLogin,
})) {
  test(`the checks of ${name} have ids of their own and say what they ask`, () => {
    assert.equal(new Set(checks.map(({ id }) => id)).size, checks.length)
    for (const { id, title, question } of checks) {
      assert.match(id, /^[a-z]+(?:_[a-z]+)*$/)
      assert.ok(title !== '' && question.endsWith('?'), id)
    }
  })
}

test('both lists end in the same checks of identity', () => {
  for (const { checks } of [jwtLogin, oidcLogin]) {
    assert.deepEqual(checks.slice(-identityChecks.length), identityChecks)
  }
})
