/** The certificates that calls to a provider trust: read once, when its key source is made. */

import { parsePemCertificates } from '../jose/pem-key.ts'

export interface CaBundle {
  /** Empty trusts the system's roots. */
  readonly pem: string
  /** Stored all the same when its check was skipped; a call with it is never made. */
  readonly isReadable: boolean
}

export function readCaBundle(pem: string): CaBundle {
  return { pem, isReadable: pem === '' || parsePemCertificates(pem).ok }
}
