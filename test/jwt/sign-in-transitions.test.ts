/** The state machine of sign-ins, walked whole: mode × phase × event. The table is that of ARCHITECTURE.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Login } from '../../src/framework/reply.ts'
import type { ProviderAnswer, SignIn, SignInPhase } from '../../src/auth/jwt/sign-in.ts'
import {
  block,
  confirm,
  finish,
  park,
  poll,
  release,
  spend,
  type Transition,
} from '../../src/auth/jwt/sign-in-transitions.ts'

const nowMs = 1_000_000
const parkedAnswer: ProviderAnswer = {
  origin: 'posted',
  result: { kind: 'code', code: 'the code' },
  iss: '',
}
const login = { displayName: 'alice' } as unknown as Login
const failure = { text: 'no', reason: 'idp_denied', status: 400 } as const

const phases: Readonly<Record<string, SignInPhase>> = {
  open: { kind: 'open' },
  parked: { kind: 'parked', answer: parkedAnswer, ticket: 'hash of t', isNonceBound: false },
  bound: { kind: 'parked', answer: parkedAnswer, ticket: 'hash of t', isNonceBound: true },
  claimed: { kind: 'claimed', claim: 'c1', untilMs: nowMs + 1 },
  abandoned: { kind: 'claimed', claim: 'c1', untilMs: nowMs },
  done: { kind: 'done', login },
  failed: { kind: 'failed', failure },
}

function signIn(mode: SignIn['mode'], phase: SignInPhase): SignIn {
  return {
    mode,
    role: 'r',
    redirectUri: '',
    responseType: 'code',
    nonce: '',
    verifier: '',
    clientNonce: 'nonce',
    address: '',
    startedAtMs: 0,
    expiresAtMs: 0,
    maxAge: 0,
    begunBy: 'client',
    phase,
  }
}

const query = (code: string): ProviderAnswer => ({
  origin: 'query',
  result: code === '' ? { kind: 'nothing' } : { kind: 'code', code },
  iss: '',
})
const claiming = { claim: 'c2', untilMs: nowMs + 15_000 }
const polling = { ...claiming, nowMs, clientNonce: 'nonce' }
const spending = { answer: query(''), codeHash: 'hash of nothing', clientNonce: 'nonce' }
const cancelled: ProviderAnswer = {
  origin: 'query',
  result: { kind: 'error', error: 'access_denied' },
  iss: '',
}

const events: Readonly<Record<string, (one: SignIn) => Transition<unknown>>> = {
  'park a post': (one) =>
    park(one, { answer: parkedAnswer, ticketHash: 'hash of u', clientNonce: '' }),
  'park with the nonce': (one) =>
    park(one, { answer: parkedAnswer, ticketHash: 'hash of u', clientNonce: 'nonce' }),
  'park with another nonce': (one) =>
    park(one, { answer: parkedAnswer, ticketHash: 'hash of u', clientNonce: 'guess' }),
  'spend by ticket': (one) => spend(one, { ...spending, codeHash: 'hash of t' }),
  'spend by code': (one) => spend(one, { ...spending, answer: query('the code') }),
  'spend by another code': (one) => spend(one, { ...spending, answer: query('no_code') }),
  'spend by nonce': (one) => spend(one, spending),
  'spend by another nonce': (one) => spend(one, { ...spending, clientNonce: 'guess' }),
  'give up': (one) => spend(one, { ...spending, answer: cancelled, clientNonce: '' }),
  'confirm by ticket': (one) => confirm(one, 'hash of t', claiming),
  'confirm by another': (one) => confirm(one, 'hash of no_code', claiming),
  'block by ticket': (one) => block(one, 'hash of t', failure),
  'block by another': (one) => block(one, 'hash of no_code', failure),
  poll: (one) => poll(one, polling),
  'poll by another nonce': (one) => poll(one, { ...polling, clientNonce: 'guess' }),
  release: (one) => release(one, 'c1'),
  'release of another claim': (one) => release(one, 'c2'),
  finish: (one) => finish(one, 'c1', { kind: 'login', login }),
  'finish of another claim': (one) => finish(one, 'c2', { kind: 'login', login }),
}

/** `event | mode | phase | what becomes of it | what is told`; all that is not here changes nothing. */
const moves = `
park a post             | client | open      | parked  | parked
park a post             | direct | open      | parked  | parked
park with the nonce     | client | open      | bound   | parked
park with the nonce     | direct | open      | bound   | parked
park with another nonce | client | open      | parked  | parked
park with another nonce | direct | open      | parked  | parked
spend by ticket         | client | open      | ended   | answer
spend by ticket         | client | parked    | ended   | answer
spend by ticket         | client | bound     | ended   | answer
spend by code           | client | open      | ended   | answer
spend by code           | client | parked    | ended   | answer
spend by code           | client | bound     | ended   | answer
spend by another code   | client | open      | ended   | answer
spend by nonce          | client | open      | ended   | answer
spend by nonce          | client | bound     | ended   | answer
spend by another nonce  | client | open      | ended   | answer
give up                 | client | open      | ended   | answer
give up                 | client | parked    | ended   | answer
give up                 | client | bound     | ended   | answer
confirm by ticket       | direct | parked    | claimed | claimed
confirm by ticket       | direct | bound     | claimed | claimed
block by ticket         | direct | parked    | failed  | blocked
block by ticket         | direct | bound     | failed  | blocked
poll                    | device | open      | claimed | ask
poll                    | direct | abandoned | ended   | broken_off
poll                    | device | abandoned | ended   | broken_off
poll                    | direct | done      | ended   | login
poll                    | device | done      | ended   | login
poll                    | direct | failed    | ended   | failure
poll                    | device | failed    | ended   | failure
release                 | device | claimed   | open    | open
release                 | device | abandoned | open    | open
finish                  | client | claimed   | done    | finished
finish                  | client | abandoned | done    | finished
finish                  | direct | claimed   | done    | finished
finish                  | direct | abandoned | done    | finished
finish                  | device | claimed   | ended   | finished
finish                  | device | abandoned | ended   | finished
`

const expected = new Map(
  moves
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([event = '', mode = '', phase = '', to = '', told = '']) => [
      `${event} | ${mode} | ${phase}`,
      `${to} | ${told}`,
    ]),
)

function toldOf(told: unknown): string {
  if (typeof told === 'string') return told
  return String((told as { readonly kind: string }).kind)
}

function becomes(step: Transition<unknown>): string {
  if (step.kind !== 'moved') return step.kind
  return step.to.kind === 'parked' && step.to.isNonceBound ? 'bound' : step.to.kind
}

test('each event in each phase of each mode does what the table says, and nothing else (SEC-OID-28, SEC-OID-31)', () => {
  const seen = new Set<string>()
  for (const [event, apply] of Object.entries(events)) {
    for (const mode of ['client', 'direct', 'device'] as const) {
      for (const [name, phase] of Object.entries(phases)) {
        const cell = `${event} | ${mode} | ${name}`
        const step = apply(signIn(mode, phase))
        const want = expected.get(cell)
        if (want !== undefined) {
          seen.add(cell)
          assert.equal(`${becomes(step)} | ${toldOf(step.told)}`, want, cell)
          continue
        }
        // A wrong nonce ends what is polled for, whatever its phase (jwt-oidc.md §4.2).
        if (event === 'poll by another nonce' && mode !== 'client') {
          assert.deepEqual([step.kind, toldOf(step.told)], ['ended', 'nonce_refused'], cell)
          continue
        }
        assert.equal(step.kind, 'kept', cell)
        assert.ok(
          !['parked', 'answer', 'claimed', 'login', 'ask'].includes(toldOf(step.told)),
          cell,
        )
      }
    }
  }
  assert.equal(seen.size, expected.size, 'every line of the table was walked')
})

test('nobody is told an answer that waits without showing its ticket, its code or the nonce it is bound to (SEC-OID-28)', () => {
  for (const phase of [phases['parked'], phases['bound']]) {
    if (phase === undefined) continue
    for (const [event, apply] of Object.entries(events)) {
      const { told } = apply(signIn('client', phase))
      if (toldOf(told) !== 'answer') continue
      const isProven =
        ['spend by ticket', 'spend by code', 'give up'].includes(event) ||
        (event === 'spend by nonce' && phase === phases['bound'])
      assert.ok(isProven, event)
    }
  }
})

test('the code of an address that is opened again is asked about again; another code is not', () => {
  const first: SignInPhase = {
    kind: 'parked',
    answer: query('one'),
    ticket: 'hash of t',
    isNonceBound: false,
  }
  const again = (code: string) =>
    park(signIn('direct', first), { answer: query(code), ticketHash: 'hash of u', clientNonce: '' })
  assert.equal(again('one').told, 'parked')
  assert.equal(again('two').told, 'waiting')
})

test('polls do not make a device sign-in live longer; an answer does', () => {
  const asked = poll(signIn('device', { kind: 'open' }), polling)
  assert.ok(asked.kind === 'moved' && !asked.renews)
  const open = release(signIn('device', phases['claimed'] ?? { kind: 'open' }), 'c1')
  assert.ok(open.kind === 'moved' && !open.renews)
  const parked = park(signIn('client', { kind: 'open' }), {
    answer: parkedAnswer,
    ticketHash: 'hash of u',
    clientNonce: '',
  })
  assert.ok(parked.kind === 'moved' && parked.renews)
})
