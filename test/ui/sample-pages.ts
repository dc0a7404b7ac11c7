/** One page of each kind, for tests that judge all of them. */

import { accountPage } from '../../src/ui/account-page.ts'
import {
  blockedPage,
  confirmationPage,
  donePage,
  errorPage,
  handOverPage,
  type Page,
} from '../../src/ui/flow-pages.ts'
import { loginPage } from '../../src/ui/login-page.ts'

const nonce = 'QUJDREVGR0hJSktMTU5P'

/** Every page there is, with one text wherever a text can be. */
export function samplePages(text: string): Readonly<Record<string, Page>> {
  const frame = { nonce, environment: text }
  return {
    error: errorPage({
      ...frame,
      status: 400,
      summary: text,
      detail: text,
      reason: text,
      title: text,
      fix: text,
      requestId: text,
      said: [{ by: 'The identity provider', text }],
      copy: { label: 'Redirect URI', text },
    }),
    confirmation: confirmationPage({
      ...frame,
      address: text,
      role: text,
      mount: text,
      startedAt: text,
      code: text,
      provider: text,
      status: 200,
      form: { action: `?a=${encodeURIComponent(text)}`, state: text, ticket: text },
    }),
    done: donePage({ ...frame, name: text, address: text }),
    blocked: blockedPage(frame),
    handOver: handOverPage({ ...frame, path: text, state: text, ticket: text }),
    login: loginPage({
      ...frame,
      mounts: [{ name: text, type: 'oidc', description: text }],
      jwtMounts: [{ name: text, type: 'jwt', description: text }],
      passwordMounts: [
        { name: text, type: 'userpass', description: text },
        { name: 'people', type: 'userpass', description: '' },
      ],
      chosen: text,
      open: 'jwt',
      role: text,
      returnTo: text,
      namespace: text,
      formToken: text,
      notice: { kind: 'note', text },
      isInsecure: false,
    }),
    account: accountPage({
      ...frame,
      formToken: text,
      facts: {
        displayName: text,
        entityId: text,
        policies: [text],
        path: text,
        type: text,
        expiresAt: text,
        secondsLeft: 5,
        metadata: [[text, text]],
      },
      rights: [{ path: text, capabilities: [text] }],
      isPasted: true,
    }),
  }
}
