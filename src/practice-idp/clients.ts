/** The clients of the practice provider, and how they prove themselves (RFC 6749 §2.3.1). */

import { equalSecrets } from '../lib/constant-time.ts'

export interface PracticeClient {
  readonly client_id: string
  /** Undefined for a public client. */
  readonly client_secret?: string
  /** Besides addresses of this machine, which any client may use. */
  readonly redirect_uris?: readonly string[]
}

export const defaultClient: PracticeClient = {
  client_id: 'tokenstile',
  client_secret: 'practice-secret',
}

const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

export class PracticeClients {
  readonly #clients: readonly PracticeClient[]

  constructor(clients: readonly PracticeClient[]) {
    this.#clients = clients
  }

  find(id: string): PracticeClient | undefined {
    return this.#clients.find((client) => client.client_id === id)
  }

  /**
   * The client of a token request, by Basic credentials or by the form; undefined when it is not
   * proven.
   */
  authenticate(
    form: URLSearchParams,
    authorization: string | undefined,
  ): PracticeClient | undefined {
    const given = credentials(form, authorization)
    const client = this.find(given.id)
    if (client === undefined) return undefined
    return equalSecrets(given.secret, client.client_secret ?? '') ? client : undefined
  }
}

export function mayRedirectTo(client: PracticeClient, address: string): boolean {
  if (client.redirect_uris?.includes(address) === true) return true
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) return false
  const url = new URL(address)
  return loopbackHosts.includes(url.hostname) && url.username === '' && url.hash === ''
}

function credentials(
  form: URLSearchParams,
  authorization: string | undefined,
): { readonly id: string; readonly secret: string } {
  if (authorization?.startsWith('Basic ') !== true) {
    return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' }
  }
  const text = Buffer.from(authorization.slice('Basic '.length), 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return { id: formDecoded(text.slice(0, colon)), secret: formDecoded(text.slice(colon + 1)) }
}

/** RFC 6749 §2.3.1: both were form-encoded before. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
