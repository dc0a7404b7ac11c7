/**
 * Where a mount keeps the last good key documents, so that neither a restart nor an outage of the
 * provider stops logins.
 */

import { createHash } from 'node:crypto'
import type { MountStore } from '../../framework/backend.ts'
import type { KeptDocument, KeptDocumentStore } from '../../oidc/kept-document.ts'

interface RevisionDocument extends KeptDocument {
  /** Revision of the configuration that it was fetched under. */
  readonly revision: string
}

/** The documents of one issuer are kept below this path. */
export function keptDocumentsPrefix(issuerName: string): string {
  return `keys/${issuerName}/`
}

export function keptDocuments(
  store: MountStore,
  issuerName: string,
  revision: string,
): KeptDocumentStore {
  // An address can be longer than a key may be.
  const key = (url: string) =>
    store.key<RevisionDocument>(
      `${keptDocumentsPrefix(issuerName)}${createHash('sha256').update(url).digest('base64url')}`,
    )
  return {
    load: async (url) => {
      const kept = await store.view((view) => view.get(key(url)))
      // jwt-oidc.md §1.3: a config write drops all caches. Whoever writes the same values again
      // wants fresh keys.
      return kept?.revision === revision ? kept : undefined
    },
    save: (document) => store.write((txn) => txn.put(key(document.url), { ...document, revision })),
  }
}
