/** Pages that the API answers with, in the frame of all pages of this server. */

import type { PagePort } from '../core/ports/page-port.ts'
import type { Random } from '../platform/random.ts'
import { parseCookies } from '../ui/cookies.ts'
import { drawFlowPage, type FlowPage } from '../ui/flow-pages.ts'
import { themeOf } from '../ui/page.ts'

export interface PageShellOptions {
  readonly random: Random
  readonly environment: string
  /** The pages below `/ui/` are served, and with them the links that change the colours. */
  readonly ui: boolean
}

export function createPageShell({ random, environment, ui }: PageShellOptions): PagePort {
  return {
    draw: (page, { header }) =>
      drawFlowPage(page, {
        nonce: random.bytes(18).toString('base64url'),
        theme: themeOf(parseCookies(header('cookie'))),
        environment,
        ...(ui ? { ownAddress: addressOf(page) } : {}),
      }),
  }
}

/** Only the page that asks can be looked at again; a step would be taken twice. */
function addressOf(page: FlowPage): string {
  return page.kind === 'confirmation' ? (page.form?.action ?? '/ui/') : '/ui/'
}
