/**
 * Every form of a signature at the login of a real server (security-cases.md §2 and §3): the right
 * one enters, the others do not.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pairOf, pairs, publicJwk } from '../jose/sample-tokens.ts'
import { signatureForms } from '../jose/signature-forms.suite.ts'
import { publishKeys, wantVerdict, type PublishedKeys } from './published-keys.ts'

let setup: PublishedKeys

before(async () => {
  setup = await publishKeys()
  // One key to a mount, so that a refused signature was tried with that key and with no other.
  for (const [kind, { publicKey }] of Object.entries(pairs)) {
    await setup.mount(kind.toLowerCase(), [publicJwk(publicKey)])
  }
})

after(() => setup.stop())

const mountOf = new Map(Object.entries(pairs).map(([kind, pair]) => [pair, kind.toLowerCase()]))

for (const [id, forms] of Object.entries(signatureForms)) {
  test(`a login with a forged, sloppy or enormous signature is refused, the right one enters (${id})`, async () => {
    const accepted: string[] = []
    for (const { what, alg, token, isAccepted } of forms()) {
      const result = await setup.login(mountOf.get(pairOf(alg)) ?? '', token)
      wantVerdict(result, isAccepted, what)
      if (!isAccepted) assert.equal(result.headers['x-login-reason'], 'signature_invalid', what)
      else accepted.push(String(result.body.auth.client_token))
    }
    // What is one token by its text or its signature is still as many logins.
    assert.ok(accepted.length > 0 && new Set(accepted).size === accepted.length)
  })
}
