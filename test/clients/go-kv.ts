/** KVv2 of the Go library: which requests its methods make, and what they take out of the answers (platform.md §7.3). */

import assert from 'node:assert/strict'
import { assertDecodes, GoError, shapes, type GoApi } from './go-api.ts'

/** Parsed bodies are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

export interface KvSecret {
  /** Undefined after a write and of a version that was deleted. */
  readonly data: Body
  readonly version: number
  /** Empty when it is not deleted. */
  readonly deletionTime: string
  readonly destroyed: boolean
  readonly customMetadata: Body
}

export class GoKv2 {
  readonly #api: GoApi
  readonly #mount: string

  constructor(api: GoApi, mountPath: string) {
    this.#api = api
    this.#mount = mountPath
  }

  /** Nothing when the library says ErrSecretNotFound. */
  async get(path: string, version?: number): Promise<KvSecret | undefined> {
    const query: Record<string, string> = version === undefined ? {} : { version: `${version}` }
    const secret = await this.#api.read(`${this.#mount}/data/${path}`, query)
    if (secret === undefined) return undefined
    assert.ok('data' in secret.data, 'missing expected data element')
    assertDecodes(secret.data.data, { '*': 'any' }, 'data.data')
    return kvSecret(secret.data.data ?? undefined, secret.data.metadata)
  }

  put(path: string, data: object, cas?: number): Promise<KvSecret> {
    const options = cas === undefined ? {} : { options: { cas } }
    return this.#written(this.#api.write(`${this.#mount}/data/${path}`, { data, ...options }))
  }

  patch(path: string, data: object): Promise<KvSecret> {
    return this.#written(this.#api.patch(`${this.#mount}/data/${path}`, { data }))
  }

  /** The same with the merge method `rw`. */
  async readThenWrite(path: string, data: object): Promise<KvSecret> {
    const existing = await this.get(path)
    assert.ok(existing?.data !== undefined)
    return this.put(path, { ...existing.data, ...data }, existing.version)
  }

  async rollback(path: string, toVersion: number): Promise<KvSecret> {
    const latest = await this.get(path)
    assert.ok(latest !== undefined)
    const wanted = await this.get(path, toVersion)
    if (wanted?.data === undefined) throw new Error('no secret found')
    if (wanted.deletionTime !== '')
      throw new Error('cannot roll back to a version that was deleted')
    return this.put(path, wanted.data, latest.version)
  }

  async metadata(path: string): Promise<Body> {
    const secret = await this.#api.read(`${this.#mount}/metadata/${path}`)
    if (secret === undefined) return undefined
    assertDecodes(secret.data, shapes.metadata, 'data')
    for (const [number, version] of Object.entries<Body>(secret.data.versions)) {
      assert.match(number, /^\d+$/)
      assertTimeOrEmpty(version.deletion_time)
    }
    return secret.data
  }

  putMetadata(path: string, body: object): Promise<Body> {
    return this.#api.write(`${this.#mount}/metadata/${path}`, body)
  }

  patchMetadata(path: string, body: object): Promise<Body> {
    return this.#api.patch(`${this.#mount}/metadata/${path}`, body)
  }

  /** Its numbers are sent as texts. */
  deleteVersions(path: string, versions: readonly number[]): Promise<Body> {
    return this.#api.write(`${this.#mount}/delete/${path}`, { versions: versions.map(String) })
  }

  undelete(path: string, versions: readonly number[]): Promise<Body> {
    return this.#api.write(`${this.#mount}/undelete/${path}`, { versions })
  }

  destroy(path: string, versions: readonly number[]): Promise<Body> {
    return this.#api.write(`${this.#mount}/destroy/${path}`, { versions })
  }

  delete(path: string): Promise<Body> {
    return this.#api.delete(`${this.#mount}/data/${path}`)
  }

  deleteMetadata(path: string): Promise<Body> {
    return this.#api.delete(`${this.#mount}/metadata/${path}`)
  }

  async #written(call: Promise<Body>): Promise<KvSecret> {
    const secret = await call
    if (secret === undefined) throw new GoError(404, ['secret not found'])
    return kvSecret(undefined, secret.data)
  }
}

function kvSecret(data: Body, metadata: Body): KvSecret {
  assertDecodes(metadata, shapes.version, 'metadata')
  assertTimeOrEmpty(metadata.deletion_time)
  return {
    data,
    version: metadata.version,
    deletionTime: metadata.deletion_time,
    destroyed: metadata.destroyed,
    customMetadata: metadata.custom_metadata,
  }
}

function assertTimeOrEmpty(text: unknown): void {
  if (text !== '') assertDecodes(text, 'time', 'deletion_time')
}
