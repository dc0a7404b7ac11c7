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
import { reasonPage, reasonsPage } from '../../src/ui/help.ts'
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
      said: [
        { by: 'provider', text },
        { by: 'server', text: `${text}.` },
      ],
      compared: { claim: text, got: [text], expected: [text, text] },
      ownAddress: '/ui/',
      copy: { label: 'Redirect URI', text },
    }),
    confirmation: confirmationPage({
      ...frame,
      browserAddress: `${text} 2`,
      address: text,
      role: text,
      mount: text,
      startedAt: text,
      startedSecondsAgo: 75,
      code: text,
      provider: text,
      status: 200,
      form: { action: `?a=${encodeURIComponent(text)}`, state: text, ticket: text },
    }),
    help: reasonsPage({ ...frame, ownAddress: '/ui/' }),
    reason: reasonPage({ ...frame, reason: 'audience_mismatch' }),
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
      server: text,
      providers: new Map([[text, text]]),
      isInsecure: false,
    }),
    account: accountPage({
      ...frame,
      formToken: text,
      facts: {
        displayName: text,
        entityId: text,
        path: text,
        type: text,
        expiresAt: text,
        secondsLeft: 5,
        metadata: [[text, text]],
      },
      name: text,
      via: { mount: text, description: text, role: text, isBrowser: true },
      command: [text, text],
      groups: [text],
      policies: [{ name: text, because: [text, text] }],
      rights: [{ path: text, capabilities: [text], policies: [text] }],
      isPasted: true,
    }),
  }
}
