/**
 * The kv commands of the stock `vault` and `bao`: they ask which mount a path lies on and of which version it is, and make the
 * path and the body of the request from that (platform.md §9.5, §7.3).
 */

import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { assertDecodes, GoError, shapes, type GoApi } from './go-api.ts'

/** Parsed bodies are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

/** As a user writes it: a path alone, which begins with the mount, or the mount as a flag. */
export interface KvPath {
  readonly mount?: string
  readonly path: string
}

export interface KvPlace {
  readonly mountPath: string
  readonly isV2: boolean
  /** With the mount at its begin. */
  readonly path: string
}

export class StockKv {
  readonly #api: GoApi

  constructor(api: GoApi) {
    this.#api = api
  }

  /** The first request of every command. */
  async place({ mount, path }: KvPath): Promise<KvPlace> {
    const { data } = await this.#api.read(`sys/internal/ui/mounts/${mount ?? path}`)
    assertDecodes(data, { path: 'string', options: { version: 'string' } }, 'mount')
    const isV2 = data.options?.version === '2'
    const whole = mount === undefined ? path : posix.join(isV2 ? data.path : mount, path)
    return { mountPath: data.path, isV2, path: whole }
  }

  /** `kv put`; nothing comes back from version 1. */
  async put(where: KvPath, data: object, cas?: number): Promise<Body> {
    const place = await this.place(where)
    const options = cas === undefined ? {} : { cas }
    const body = place.isV2 ? { data, options } : data
    const answer = await this.#api.write(below(place, 'data'), body)
    assert.equal(answer === undefined, !place.isV2)
    return answer?.data
  }

  /** `kv get`: the data and its metadata, which stands in a 404 when the version is deleted. */
  async get(where: KvPath, version?: number): Promise<Body> {
    const place = await this.place(where)
    const query: Record<string, string> = version === undefined ? {} : { version: `${version}` }
    return (await this.#api.read(below(place, 'data'), query))?.data
  }

  /** `kv patch`, whose refused merge patch becomes a read and a write unless a method was asked for. */
  async patch(where: KvPath, data: object, method?: 'patch' | 'rw'): Promise<Body> {
    const place = await this.versioned(where)
    const path = below(place, 'data')
    if (method === 'rw') return this.#readThenWrite(path, data)
    try {
      return (await this.#api.patch(path, { data, options: {} })).data
    } catch (error) {
      const falls = error instanceof GoError && (error.status === 405 || error.status === 403)
      if (!falls || method === 'patch') throw error
      return this.#readThenWrite(path, data)
    }
  }

  async #readThenWrite(path: string, data: object): Promise<Body> {
    const current = (await this.#api.read(path)).data
    const body = { data: { ...current.data, ...data }, options: { cas: current.metadata.version } }
    return (await this.#api.write(path, body)).data
  }

  /** `kv rollback`: two reads and a write that expects the version of the first. */
  async rollback(where: KvPath, version: number): Promise<Body> {
    const path = below(await this.versioned(where), 'data')
    const { metadata } = (await this.#api.read(path)).data
    const wanted = (await this.#api.read(path, { version: `${version}` })).data
    assert.deepEqual([wanted.metadata.deletion_time, wanted.metadata.destroyed], ['', false])
    const body = { data: wanted.data, options: { cas: metadata.version } }
    return (await this.#api.write(path, body)).data
  }

  /** `kv delete`, of the latest version or of these. */
  async delete(where: KvPath, versions?: readonly number[]): Promise<void> {
    const place = await this.place(where)
    const answer =
      versions === undefined
        ? await this.#api.delete(below(place, 'data'))
        : await this.#api.write(below(place, 'delete'), { versions: versions.map(String) })
    assert.equal(answer, undefined)
  }

  /** `kv undelete` and `kv destroy`. */
  async change(
    what: 'destroy' | 'undelete',
    where: KvPath,
    versions: readonly number[],
  ): Promise<void> {
    const path = below(await this.versioned(where), what)
    assert.equal(await this.#api.write(path, { versions: versions.map(String) }), undefined)
  }

  /** `kv list`; newer ones of OpenBao ask for a page. */
  async list(where: KvPath, page?: Readonly<Record<string, string>>): Promise<Body> {
    const path = below(await this.place(where), 'metadata')
    const answer = await this.#api.read(path, { ...page, list: 'true' })
    assertDecodes(answer?.data, shapes.keys, 'data')
    return answer?.data.keys
  }

  async metadata(where: KvPath): Promise<Body> {
    const { data } = await this.#api.read(below(await this.versioned(where), 'metadata'))
    assertDecodes(data, shapes.metadata, 'data')
    return data
  }

  async putMetadata(where: KvPath, body: object): Promise<void> {
    const path = below(await this.versioned(where), 'metadata')
    assert.equal(await this.#api.write(path, body), undefined)
  }

  /** `kv metadata patch`, which always sends custom members, of which null takes one out. */
  async patchMetadata(where: KvPath, custom: object, more: object = {}): Promise<void> {
    const path = below(await this.versioned(where), 'metadata')
    const body = { ...more, custom_metadata: custom }
    assert.equal(await this.#api.patch(path, body), undefined)
  }

  async deleteMetadata(where: KvPath): Promise<void> {
    const path = below(await this.versioned(where), 'metadata')
    assert.equal(await this.#api.delete(path), undefined)
  }

  /** What version 1 has not is refused by the program itself. */
  async versioned(where: KvPath): Promise<KvPlace> {
    const place = await this.place(where)
    if (!place.isV2) throw new Error('this is not a mount of version 2')
    return place
  }
}

/** The path of the API: version 2 has a word behind the mount. */
function below({ isV2, mountPath, path }: KvPlace, word: string): string {
  if (!isV2) return path
  if (path === mountPath || `${path}/` === mountPath) return posix.join(mountPath, word)
  assert.ok(path.startsWith(mountPath), `${path} is not below ${mountPath}`)
  return posix.join(mountPath, word, path.slice(mountPath.length))
}
