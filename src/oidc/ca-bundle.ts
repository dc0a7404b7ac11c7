/** The certificates that calls to a provider trust: read once, when its key source is made. */

import { parsePemCertificates } from '../jose/pem-key.ts'

export interface CaBundle {
  /** As it was written. */
  readonly given: string
  /**
   * As TLS gets it: the certificates that were read, each in one spelling. OpenSSL's own reader
   * skips what it does not like without a word, so that what is checked must be what is used. Empty
   * trusts the system's roots.
   */
  readonly pem: string
  /** Stored all the same when its check was skipped; a call with it is never made. */
  readonly isReadable: boolean
}

export function readCaBundle(given: string): CaBundle {
  if (given === '') return { given, pem: '', isReadable: true }
  const read = parsePemCertificates(given)
  return read.ok
    ? { given, pem: read.value.join(''), isReadable: true }
    : { given, pem: given, isReadable: false }
}
