/** Where a mount keeps the last good key documents, so that neither a restart nor an outage of the provider stops logins. */

import { createHash } from 'node:crypto'
import type { MountStore } from '../../framework/backend.ts'
import type { KeptDocument, KeptDocumentStore } from '../../oidc/kept-document.ts'

export function keptDocuments(store: MountStore): KeptDocumentStore {
  // An address can be longer than a key may be.
  const key = (url: string) =>
    store.key<KeptDocument>(`keys/${createHash('sha256').update(url).digest('base64url')}`)
  return {
    load: (url) => store.view((view) => view.get(key(url))),
    save: (document) => store.write((txn) => txn.put(key(document.url), document)),
  }
}
