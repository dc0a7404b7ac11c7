/** A request as another place sees it: of its own path, and of no namespace. */

import type { ApiRequest } from '../../framework/api.ts'

/** What is costly to ask for, or throws, is asked for by whoever needs it. */
export class PlacedRequest implements ApiRequest {
  readonly verb: ApiRequest['verb']
  readonly path: string
  readonly token: ApiRequest['token']
  readonly namespace = ''
  readonly wrapTtlSeconds: number
  readonly clientAddress: ApiRequest['clientAddress']
  readonly clientPort: ApiRequest['clientPort']
  readonly header: ApiRequest['header']
  readonly via: ApiRequest['via']
  readonly listener: ApiRequest['listener']
  readonly isUnread: boolean
  readonly inlineLogin: ApiRequest['inlineLogin']
  readonly #request: ApiRequest

  constructor(request: ApiRequest, path: string) {
    this.#request = request
    this.verb = request.verb
    this.path = path
    this.token = request.token
    this.wrapTtlSeconds = request.wrapTtlSeconds
    this.clientAddress = request.clientAddress
    this.clientPort = request.clientPort
    this.header = (name) => request.header(name)
    this.via = request.via
    this.listener = request.listener
    this.isUnread = request.isUnread === true
    this.inlineLogin = request.inlineLogin
  }

  get data(): ApiRequest['data'] {
    return this.#request.data
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get isGone(): boolean {
    return this.#request.isGone
  }
}
