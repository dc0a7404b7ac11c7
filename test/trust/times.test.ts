/** Time rules: the table of the case catalogue, and the exact ends of every window. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decide, nowSeconds, roleOf, tokenOf, withClaims } from './fixture.ts'

type Row = readonly [
  id: string,
  claims: Readonly<Record<string, number>>,
  leeways: readonly [skew: number, expL: number, nbfL: number],
  reason: string | undefined,
]

const rows: readonly Row[] = [
  ['TIM-001', { iat: -205 }, [0, 0, 0], undefined],
  ['TIM-002', { iat: -215 }, [0, 0, 0], 'expired'],
  ['TIM-003', { iat: -150 }, [10, 0, 0], undefined],
  ['TIM-004', { iat: -165 }, [10, 0, 0], 'expired'],
  ['TIM-005', { iat: -145 }, [-1, 0, 0], undefined],
  ['TIM-006', { iat: -155 }, [-1, 0, 0], 'expired'],
  ['TIM-007', { nbf: -205 }, [0, 0, 0], undefined],
  ['TIM-008', { nbf: -215 }, [0, 0, 0], 'expired'],
  ['TIM-009', { nbf: -145 }, [10, 0, 0], undefined],
  ['TIM-010', { nbf: -165 }, [10, 0, 0], 'expired'],
  ['TIM-011', { nbf: -145 }, [-1, 0, 0], undefined],
  ['TIM-012', { nbf: -155 }, [-1, 0, 0], 'expired'],
  ['TIM-013', { iat: -65 }, [0, 10, 0], undefined],
  ['TIM-014', { iat: -75 }, [0, 10, 0], 'expired'],
  ['TIM-015', { iat: -5 }, [10, 10, 0], undefined],
  ['TIM-016', { iat: -25 }, [10, 10, 0], 'expired'],
  ['TIM-017', { iat: -5 }, [10, -1, 0], undefined],
  ['TIM-018', { iat: -15 }, [10, -1, 0], 'expired'],
  ['TIM-019', { nbf: -65 }, [0, 10, 0], undefined],
  ['TIM-020', { nbf: -75 }, [0, 10, 0], 'expired'],
  ['TIM-021', { nbf: -5 }, [10, 10, 0], undefined],
  ['TIM-021 (none)', { nbf: -5 }, [10, -1, 0], undefined],
  ['TIM-022', { nbf: -25 }, [10, 10, 0], 'expired'],
  ['TIM-023', { nbf: -15 }, [10, -1, 0], 'expired'],
  ['TIM-024', { iat: 55 }, [0, 0, -1], undefined],
  ['TIM-025', { iat: 65 }, [0, 0, -1], 'not_yet_valid'],
  ['TIM-026', { iat: 5 }, [10, 0, -1], undefined],
  ['TIM-027', { iat: 15 }, [10, 0, -1], 'not_yet_valid'],
  ['TIM-028', { iat: 0 }, [-1, 0, 5], undefined],
  ['TIM-029', { iat: 6 }, [-1, 0, 5], 'not_yet_valid'],
  ['TIM-030', { exp: 205 }, [0, 0, 0], undefined],
  ['TIM-031', { exp: 215 }, [0, 0, 0], 'not_yet_valid'],
  ['TIM-032', { exp: 150 }, [10, 0, 0], undefined],
  ['TIM-033', { exp: 165 }, [10, 0, 0], 'not_yet_valid'],
  ['TIM-034', { exp: 145 }, [-1, 0, 0], undefined],
  ['TIM-035', { exp: 152 }, [-1, 0, 0], 'not_yet_valid'],
  ['TIM-036', { exp: 65 }, [0, 0, 10], undefined],
  ['TIM-037', { exp: 75 }, [0, 0, 10], 'not_yet_valid'],
  ['TIM-038', { exp: 15 }, [10, 0, 10], undefined],
  ['TIM-039', { exp: 25 }, [10, 0, 10], 'not_yet_valid'],
  ['TIM-040', { exp: 3 }, [-1, 0, 5], undefined],
  ['TIM-040 (far below zero)', { exp: 3 }, [-100, 0, 5], undefined],
  ['TIM-041', { exp: 7 }, [-1, 0, 5], 'not_yet_valid'],
  ['TIM-041 (far below zero)', { exp: 7 }, [-100, 0, 5], 'not_yet_valid'],
  ['TIM-042', {}, [0, 0, 0], 'time_missing'],
  ['TIM-043', { iat: -3600, exp: -100 }, [0, 600, 0], 'expired'],
  ['TIM-044', { iat: -10, nbf: 100, exp: 900 }, [0, 0, 600], 'not_yet_valid'],
  // Exact ends, all inclusive.
  ['SEC-JSN-20 iat only, first second', { iat: 60 }, [0, 0, 0], undefined],
  ['SEC-JSN-20 iat only, before', { iat: 61 }, [0, 0, 0], 'not_yet_valid'],
  ['SEC-JSN-20 iat only, last second', { iat: -210 }, [0, 0, 0], undefined],
  ['SEC-JSN-20 iat only, after', { iat: -211 }, [0, 0, 0], 'expired'],
  ['SEC-JSN-20 exp only, first second', { exp: 210 }, [0, 0, 0], undefined],
  ['SEC-JSN-20 exp only, before', { exp: 211 }, [0, 0, 0], 'not_yet_valid'],
  ['SEC-JSN-20 exp only, last second', { exp: -60 }, [0, 0, 0], undefined],
  ['SEC-JSN-20 exp only, after', { exp: -61 }, [0, 0, 0], 'expired'],
  ['SEC-JSN-20 all three, skew', { iat: 10, nbf: 10, exp: 100 }, [10, 300, 300], undefined],
  [
    'SEC-JSN-20 all three, iat ahead',
    { iat: 11, nbf: 5, exp: 100 },
    [10, 300, 300],
    'issued_in_future',
  ],
  ['SEC-JSN-20 exp and iat, last second', { iat: -100, exp: -60 }, [0, 0, 0], undefined],
  ['SEC-JSN-20 exp and iat, after', { iat: -100, exp: -61 }, [0, 0, 0], 'expired'],
]

function reason(claims: string, [skew, expL, nbfL]: Row[2]): string | undefined {
  const role = roleOf({
    clock_skew_leeway: skew,
    expiration_leeway: expL,
    not_before_leeway: nbfL,
  })
  return decide({ token: tokenOf(claims), role }).reason
}

for (const [id, claims, leeways, expected] of rows) {
  test(`${id}: ${JSON.stringify(claims)} with leeways ${leeways.join('/')} is ${expected ?? 'accepted'}`, () => {
    const dates = Object.entries(claims).map(([name, offset]) => [name, nowSeconds + offset])
    const token = withClaims({ nbf: undefined, ...Object.fromEntries(dates) })
    assert.equal(reason(token, leeways), expected)
  })
}

/** The good claims with one date as this very text. */
function withDate(name: string, text: string): string {
  const rest = withClaims({ nbf: undefined, iat: nowSeconds - 10, [name]: undefined })
  return `${rest.slice(0, -1)},"${name}":${text}}`
}

test('TIM-045, SEC-JSN-18: a date that is no plain number refuses the login', () => {
  for (const text of [
    '"123"',
    'true',
    '[1900000000]',
    '{}',
    '1e400',
    '1e308',
    '9007199254740993',
    '"0x10"',
    '-1e400',
  ]) {
    for (const name of ['iat', 'nbf', 'exp']) {
      assert.equal(reason(withDate(name, text), [0, 0, 0]), 'time_malformed', `${name} ${text}`)
    }
  }
})

test('TIM-046: a date that is 0, null, negative or after the year 9999 refuses the login', () => {
  for (const text of ['0', 'null', '-1', '-0', '0.9', '253402300800']) {
    for (const name of ['iat', 'nbf', 'exp']) {
      assert.equal(reason(withDate(name, text), [0, 0, 0]), 'time_malformed', `${name} ${text}`)
    }
  }
  assert.equal(reason(withDate('exp', '253402300799'), [0, 0, 0]), undefined)
})

test('SEC-JSN-19: a fraction is cut off, an exponent is read', () => {
  assert.equal(reason(withDate('exp', `${nowSeconds + 100}.75`), [0, 0, 0]), undefined)
  assert.equal(reason(withDate('exp', '1.9000001e9'), [0, 0, 0]), undefined)
  assert.equal(
    reason(withDate('exp', `${nowSeconds - 61}.99999999999999999999`), [0, 0, 0]),
    'expired',
  )
  assert.equal(reason(withDate('exp', `${nowSeconds - 60}.5`), [0, 0, 0]), undefined)
})

test('SEC-JSN-12: a date that only a prototype has is missing', () => {
  const claims = '{"iss":"https://iss/","sub":"sub1","user":"jeff","__proto__":{"exp":1900000100}}'
  assert.equal(reason(claims, [0, 0, 0]), 'time_missing')
})

test('the texts of refused times are those that clients know', () => {
  const text = (claims: string): string => decide({ token: tokenOf(claims) }).text
  const outer = 'error validating token: '
  assert.equal(
    text(withClaims({ nbf: undefined })),
    `${outer}no issued at (iat), not before (nbf), or expiration time (exp) claims in token`,
  )
  assert.equal(
    text(withClaims({ nbf: nowSeconds + 100 })),
    `${outer}invalid not before (nbf) claim: token not yet valid`,
  )
  assert.equal(
    text(withClaims({ exp: nowSeconds - 100 })),
    `${outer}invalid expiration time (exp) claim: token is expired`,
  )
  assert.equal(
    text(withClaims({ iat: nowSeconds + 100 })),
    `${outer}invalid issued at (iat) claim: token issued in the future`,
  )
})
