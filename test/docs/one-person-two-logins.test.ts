/** The guide to one person with two logins, followed word by word; the sign-ins are real ones. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setUpUi, type UiSetup } from '../ui/fixture.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

test('the guide to one person with two logins does what it says', async () => {
  const reader = new ReaderFolder()
  const ui = await setUpUi()
  try {
    await ui.role('people', { user_claim: 'sub', token_policies: [] })
    await ui.root.must('sys/auth/userpass', { type: 'userpass' })
    const emil = await signIn(ui, 'emil-subject')
    const blocks = blocksOf(readText('docs/how-to/one-person-two-logins.md'), 'sh test')
    assert.equal(blocks.length, 5)
    const { code, output, outputs } = await reader.follow(blocks, {
      VAULT_ADDR: ui.url,
      VAULT_TOKEN: ui.server.rootToken,
    })
    assert.equal(code, 0, output)
    const [, known, merged, who, parted] = outputs
    assert.match(known ?? '', /\[reader\]/)
    assert.ok((merged ?? '').trim().endsWith(emil.entity_id), merged)
    assert.match(who ?? '', /^reader +entity dora$/m)
    assert.match(parted ?? '', /\n\[\]\s*$/)
    const dora = await signIn(ui, 'dora-subject')
    assert.deepEqual(dora.identity_policies, ['reader'])
  } finally {
    await ui.stop()
    reader.remove()
  }
})

interface Auth {
  readonly entity_id: string
  readonly identity_policies?: readonly string[]
}

/** Through the provider and back, as a browser goes. */
async function signIn(ui: UiSetup, subject: string): Promise<Auth> {
  ui.idp.claims = { ...ui.idp.claims, sub: subject }
  ui.idp.userInfo = { sub: subject }
  const nobody = ui.root.as(undefined)
  const started = await nobody.must('auth/oidc/oidc/auth_url', {
    role: 'people',
    redirect_uri: ui.callback,
  })
  const { code, state } = ui.idp.authorize(started.body.data.auth_url)
  const back = new URLSearchParams({ code, state })
  const result = await nobody.read(`auth/oidc/oidc/callback?${back.toString()}`)
  assert.equal(result.status, 200, result.text)
  return result.body.auth
}
