/** The paths of sign-ins with OpenID Connect (jwt-oidc.md §0.1, §4). */

import type { BackendContext } from '../../framework/backend.ts'
import { definePath, type Handler, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { callbackFields, type OidcCallback } from './oidc-callback.ts'
import { pollFields, type OidcPoll } from './oidc-poll.ts'
import { toldBy } from './oidc-refusals.ts'
import { startFields, type OidcStart } from './oidc-start.ts'

export function oidcPaths(
  context: BackendContext,
  parts: {
    readonly start: OidcStart
    readonly callback: OidcCallback
    readonly poll: OidcPoll
  },
): readonly PathDeclaration[] {
  function told<I>(handler: Handler<I>): Handler<I> {
    return async (request) => {
      try {
        return await handler(request)
      } catch (problem) {
        throw problem instanceof Refusal ? toldBy(context.mount(), problem) : problem
      }
    }
  }
  return [
    definePath({
      pattern: 'oidc/auth_url',
      access: 'open',
      summary: 'Starts a sign-in: the address to send the browser to.',
      fields: startFields,
      repeats: 'refuse',
      operations: {
        write: {
          summary: 'Start a sign-in.',
          handler: told((request) => parts.start.start(request)),
        },
      },
    }),
    definePath({
      pattern: 'oidc/callback',
      access: 'open',
      summary: 'Ends a sign-in: what the identity provider sends the browser back with.',
      fields: callbackFields,
      repeats: 'refuse',
      // Providers add parameters of their own.
      anyFields: true,
      operations: {
        read: {
          summary: 'End a sign-in.',
          handler: told((request) => parts.callback.get(request)),
        },
        write: {
          summary: 'Take a posted response (form_post).',
          handler: told((request) => parts.callback.post(request)),
        },
      },
    }),
    definePath({
      pattern: 'oidc/poll',
      access: 'open',
      summary: 'Ends a sign-in of direct or device mode.',
      fields: pollFields,
      repeats: 'refuse',
      operations: {
        write: {
          summary: 'Ask whether it is done.',
          handler: told((request) => parts.poll.poll(request)),
        },
      },
    }),
  ]
}
