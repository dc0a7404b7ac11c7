/** Why an address cannot be listened on, as a sentence with the address. */

import type { ListenerOptions } from './listener-options.ts'

const sentences: Readonly<Record<string, (address: string) => string>> = {
  EADDRINUSE: (address) =>
    `${address} is in use by another program; stop that one, or listen on another address`,
  EADDRNOTAVAIL: (address) => `this machine has no address ${address} to listen on`,
  EACCES: (address) => `this account may not listen on ${address}`,
  ENOENT: (address) => `there is no folder for the socket ${address}`,
  ENOTFOUND: (address) => `the host name of ${address} does not resolve`,
  EAFNOSUPPORT: (address) => `this machine does not speak the protocol of ${address}`,
}

/** With the system's code, for whoever decides by it. */
class ListenProblem extends Error {
  readonly code: string

  constructor(code: string, text: string, cause: Error) {
    super(text, { cause })
    this.code = code
  }
}

/** The error in words; one that is none of the system stays as it is. */
export function listenProblem(options: ListenerOptions, cause: Error): Error {
  if (!('code' in cause)) return cause
  const code = String(cause.code)
  const address = addressOf(options)
  const known = Object.hasOwn(sentences, code) ? sentences[code]?.(address) : undefined
  return new ListenProblem(code, known ?? `${address} cannot be listened on (${code})`, cause)
}

function addressOf(options: ListenerOptions): string {
  if (options.kind === 'unix') return options.path
  return `${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`
}
