/** The part of oidc-provider that the tests use; the package brings no types. */

declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  export type ClientMetadata = Readonly<Record<string, unknown>>
  export type Configuration = Readonly<Record<string, unknown>>

  export class Provider {
    constructor(issuer: string, configuration: Configuration)
    callback(): RequestListener
  }
}
