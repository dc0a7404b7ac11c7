/**
 * What of an identity provider outlives the process: its last good documents. The plugin keeps them
 * in its storage.
 */

export interface KeptDocument {
  readonly url: string
  readonly text: string
  /** Wall clock of the node that fetched it. */
  readonly fetchedAtMs: number
  /** For how long it was fresh from then on. */
  readonly lifeMs: number
  /** Fingerprint of the settings it was fetched under; a document of other settings is not used. */
  readonly sourceId: string
}

/**
 * One key source's documents, found by their address: a key set, a discovery document, or one set
 * for each pair.
 */
export interface KeptDocumentStore {
  load(url: string): Promise<KeptDocument | undefined>
  save(document: KeptDocument): Promise<void>
}
