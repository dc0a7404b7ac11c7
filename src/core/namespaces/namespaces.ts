/**
 * All namespaces below the root: which one a request means, and the few that are loaded. One is
 * loaded when somebody comes to it and forgotten when others need the room.
 */

import type { ApiOutcome, ApiRequest, Asking, UnreadRequest } from '../../framework/api.ts'
import type { InlineLogin } from '../../framework/inline-login.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import { Router } from '../../framework/router.ts'
import { ofNamespace, type Family } from '../../lib/metrics.ts'
import { trimEnd } from '../../lib/trim.ts'
import { after, conclude, type Soon } from '../../lib/soon.ts'
import { baseOf, ScopedStore, scopedTransaction } from '../../storage/scoped-store.ts'
import type { Companion, StoreTransaction, StoreView } from '../../storage/store.ts'
import type { CoreConfiguration } from '../configuration.ts'
import type { TokenHome } from '../caller-facts.ts'
import { InTurn } from '../in-turn.ts'
import { keys } from '../keys.ts'
import type { Admission, LoginPlace, Pipeline } from '../pipeline.ts'
import { PrefixedAcl } from '../policy/prefixed-acl.ts'
import type { System } from '../ports/system-ports.ts'
import type { NamespaceRecord } from '../records.ts'
import { TokenClock } from '../token-clock.ts'
import { namespaceOfText } from '../token-id.ts'
import type { TokenOperations } from '../token-operations.ts'
import type { RightsOfTokens } from '../token-rights.ts'
import type { Tokens } from '../tokens.ts'
import { NamespaceAdmin } from './namespace-admin.ts'
import { NamespaceKeeper } from './namespace-keeper.ts'
import { rootNamespaceId } from './namespace-path.ts'
import { NamespaceTrees, type NamespaceTree } from './namespace-tree.ts'
import { PlacedRequest } from './placed-request.ts'
import { Realm, type Neighbourhood, type RealmDoors, type Shown } from './realm.ts'

/** Loaded ones; busy ones stay beyond it. */
const loadedMax = 1024

/** The root, as those below it see it. */
export interface RootRealm {
  readonly tokens: Tokens
  readonly rights: RightsOfTokens
  readonly tokenOperations: TokenOperations
  readonly latestConfiguration: CoreConfiguration | undefined
  configurationAt(epoch: number): Soon<CoreConfiguration>
}

/** What of the root's requests those below it ask. */
type DoorsOfRoot = Pick<Pipeline, 'admitShown' | 'judge' | 'admit'>

/** A namespace above, as those below it ask it. */
interface Home {
  readonly pipeline: Pick<Pipeline, 'admitShown' | 'admit'>
  readonly judge: Pipeline['judge']
  readonly facts: TokenHome
  readonly viewOf: (base: StoreView) => StoreView
}

/** A namespace, and what is left of the path there. */
export interface Destination {
  readonly realm: Realm
  readonly path: string
}

export class Namespaces implements Neighbourhood {
  readonly #doors: RealmDoors
  readonly #root: RootRealm
  readonly #rootPipeline: DoorsOfRoot
  readonly #serverRouter: Router
  readonly keeper: NamespaceKeeper
  readonly #trees = new NamespaceTrees()
  readonly #turn = new InTurn()
  readonly #realms = new Map<string, Realm>()
  readonly #loading = new Map<string, Promise<Realm>>()
  /** Of those that are there, loaded or not. */
  readonly #clocks = new Map<string, TokenClock>()
  #prunedRevision = 0

  constructor(
    doors: RealmDoors,
    root: { readonly realm: RootRealm; readonly pipeline: DoorsOfRoot },
    system: Pick<System, 'serverPaths'>,
  ) {
    this.#doors = doors
    this.#root = root.realm
    this.#rootPipeline = root.pipeline
    this.#serverRouter = new Router(system.serverPaths)
    this.keeper = new NamespaceKeeper({
      ...doors,
      all: () => this.all(),
      realm: (record) => this.#realmOf(record),
    })
  }

  // ------------------------------------------------------------ requests

  /** Without waiting: the request can be for the root alone. */
  isOfRoot(header: string, path: string): boolean {
    if (this.#doors.seal.sealed || !this.#doors.isOpen()) return true
    if (header !== '' && header !== rootNamespaceId) return false
    if (isOfEvery(path)) return true
    return this.#root.latestConfiguration?.mounts.find(path) !== undefined
  }

  /** Where a request goes; undefined for the root and for a namespace that nobody knows. */
  find(header: string, path: string): Soon<Destination | undefined> {
    return after(this.#treeNow(), (tree) => {
      const place = tree.place(normalHeader(header), path)
      if (place?.namespace === undefined) return undefined
      const { path: rest } = place
      return after(this.#realmOf(place.namespace), (realm) => ({ realm, path: rest }))
    })
  }

  /** The same of what is already known and loaded. */
  peek(header: string, path: string): Destination | undefined {
    if (header === '' && (this.#trees.latest.size === 0 || isOfEvery(path))) return undefined
    const place = this.#trees.latest.place(normalHeader(header), path)
    const realm = place?.namespace && this.#realms.get(place.namespace.id)
    return place === undefined || realm === undefined ? undefined : { realm, path: place.path }
  }

  /** `atRoot` serves what goes to the root, and refuses what goes nowhere. */
  handle(request: ApiRequest, atRoot: (request: ApiRequest) => Soon<ApiOutcome>): Soon<ApiOutcome> {
    return conclude(
      () => this.find(request.namespace, request.path),
      (found) =>
        found === undefined
          ? atRoot(request)
          : found.realm.handle(new PlacedRequest(request, found.path)),
      // The root meets the same problem and knows what to say of it.
      () => atRoot(request),
    )
  }

  /** Loads what a request will need; what is wrong with it is said later. */
  prepare(namespace: string, path: string): Soon<void> {
    if (this.isOfRoot(namespace, path) || this.peek(namespace, path) !== undefined) return undefined
    return after(this.#findSafely({ namespace, path }), () => undefined)
  }

  /** What cannot be found now is the root's to answer: it meets the same problem. */
  #findSafely({ namespace = '', path }: Pick<Asking, 'namespace' | 'path'>) {
    if (this.isOfRoot(namespace, path)) return undefined
    return conclude<Destination | undefined, Destination | undefined>(
      () => this.find(namespace, path),
      (found) => found,
      () => undefined,
    )
  }

  /** Where a token text says that it is from; empty for the root, and for what is unknown. */
  pathOfText(text: string): Soon<string> {
    const id = namespaceOfText(text)
    if (id === '' || this.#doors.seal.sealed) return ''
    return after(this.#treeNow(), (tree) => trimEnd(tree.byId(id)?.path ?? '', '/'))
  }

  /** False for what the root is to be asked. */
  async requireMayAsk(asking: Asking): Promise<boolean> {
    const found = await this.#findSafely(asking)
    if (found === undefined) return false
    await found.realm.pipeline.requireMayAsk({ ...asking, path: found.path })
    return true
  }

  async recordUnread(request: UnreadRequest, refusal: Refusal): Promise<Refusal | undefined> {
    const found = await this.#findSafely(request)
    return found?.realm.pipeline.recordUnread({ ...request, path: found.path }, refusal)
  }

  // ------------------------------------------------------------ what realms ask

  scopeOf(id: string): ScopedStore {
    const { store } = this.#doors
    const guard = (txn: StoreTransaction): Soon<void> => requireLiving(txn, id)
    return new ScopedStore({ store, scope: id, sign: keys.namespaceSign().text, guard })
  }

  adminAt(path: string): NamespaceAdmin {
    return new NamespaceAdmin({
      ...this.#doors,
      here: path,
      tree: () => this.#treeNow(),
      turn: this.#turn,
      mountsOf: async (record) => (await (await this.#realmOf(record)).configuration()).mounts,
      forget: (id) => this.#forget(id),
      sweep: () => this.keeper.hurry(),
    })
  }

  lockedAbove(path: string): NamespaceRecord | undefined {
    return this.#trees.latest.lockedAbove(path)
  }

  isLockedNow(path: string): Soon<boolean> {
    return after(this.#treeNow(), (tree) => tree.lockedAbove(path) !== undefined)
  }

  /** A path below `sys/` that the root alone has. */
  isOfServer(path: string): boolean {
    return (
      path.startsWith('sys/') && this.#serverRouter.match(path.slice('sys/'.length)) !== undefined
    )
  }

  /**
   * Whoever shows a token of a namespace above, with the rights that it has from there; undefined
   * for a token of anywhere else.
   */
  admitFrom(namespace: string, below: string, shown: Shown): Soon<Admission | undefined> {
    const { asking, epoch } = shown
    const view = baseOf(shown.view)
    const record = namespace === '' ? undefined : this.#trees.latest.byId(namespace)
    if (namespace !== '' && (record === undefined || record.tainted === true)) return undefined
    const path = record?.path ?? ''
    if (path === below || !below.startsWith(path)) return undefined
    return after(this.#homeOf(record), ({ pipeline, facts, viewOf }) =>
      after(pipeline.admitShown(asking, viewOf(view), epoch), (known) =>
        lent(known, below.slice(path.length), facts),
      ),
    )
  }

  /**
   * Where a login goes that comes with a request of the namespace `below`: there, or above it as a
   * token that acts here would be. Throws for any other place.
   */
  loginPlace({ namespace, path: sent }: InlineLogin, below: string): Soon<LoginPlace> {
    return after(this.#treeNow(), (tree) => {
      const start = normalHeader(namespace)
      const place = tree.place(start, sent)
      if (place === undefined) throw new Refusal('namespace_unknown')
      const at = place.namespace?.path ?? ''
      const path = loginPathIn(place.path, place.path !== sent)
      if (at === below) return { path, home: undefined }
      if (!below.startsWith(at)) {
        throw invalid(
          'a login in one namespace acts in that one and below it, and not where the request goes',
        )
      }
      return after(this.#homeOf(place.namespace), (home) => ({
        path,
        home: {
          judge: home.judge,
          admit: (token, asking, { view, epoch }) => {
            const moment = { view: home.viewOf(baseOf(view)), epoch }
            return after(home.pipeline.admit(token, asking, moment), (known) =>
              lent(known, below.slice(at.length), home.facts),
            )
          },
        },
      }))
    })
  }

  /** The root where the record is undefined. */
  #homeOf(record: NamespaceRecord | undefined): Soon<Home> {
    if (record === undefined) {
      const { tokens, tokenOperations } = this.#root
      const facts = { id: rootNamespaceId, path: '', tokens, tokenOperations }
      const pipeline = this.#rootPipeline
      return { pipeline, judge: (...asked) => pipeline.judge(...asked), facts, viewOf: itself }
    }
    return after(this.#realmOf(record), (realm) => ({
      pipeline: realm.pipeline,
      judge: (...asked) => realm.judge(...asked),
      facts: realm,
      viewOf: (base) => realm.viewOf(base),
    }))
  }

  /** Whether a token of that namespace lives and may act, at the moment of the view. */
  isAlive(namespace: string, token: string, view: StoreView): Soon<boolean> {
    const base = baseOf(view)
    return after(base.epoch(), (epoch) => {
      if (namespace === rootNamespaceId) {
        return isAliveIn(this.#root, token, base, epoch)
      }
      return after(this.#trees.at(epoch, base), (tree) => {
        const record = tree.byId(namespace)
        if (record === undefined || record.tainted === true) return false
        return after(this.#realmOf(record), (realm) =>
          isAliveIn(realm, token, realm.viewOf(base), epoch),
        )
      })
    })
  }

  /** No mount may lie at, above or below a namespace: its first name is none of one. */
  async requireNoNamespace(txn: StoreTransaction, here: string, mountPath: string): Promise<void> {
    const taken = `${here}${mountPath.slice(0, mountPath.indexOf('/') + 1)}`
    if ((await baseOf(txn).get(keys.namespacePath(taken))) !== undefined) {
      throw invalid(`path is already in use at the namespace ${taken}`)
    }
  }

  // ------------------------------------------------------------ life

  async all(): Promise<readonly NamespaceRecord[]> {
    return [...(await this.#treeNow()).all]
  }

  /** Does the work in each, one after the other. */
  async each(work: (realm: Realm) => Promise<void>): Promise<void> {
    for (const record of await this.all()) {
      if (record.tainted !== true) await work(await this.#realmOf(record))
    }
  }

  /** Those that are loaded: whoever only looks loads none. */
  get loaded(): readonly Realm[] {
    return [...this.#realms.values()]
  }

  /** What their mounts count, of at most so many mounts. */
  metrics(mountsMax: number): readonly Family[] {
    let left = mountsMax
    return this.loaded.flatMap((realm) => {
      const mounts = (realm.latestConfiguration?.mounts.mounts ?? []).slice(0, Math.max(left, 0))
      left -= mounts.length
      const families = mounts.flatMap((mount) =>
        mount.tainted === true ? [] : (realm.backends.of(mount).backend.metrics?.() ?? []),
      )
      return ofNamespace(families, realm.path)
    })
  }

  /** What one of the loaded ones wants to have written along. */
  takeCompanion(): Companion | undefined {
    for (const realm of this.#realms.values()) {
      const companion = realm.takeCompanion()
      if (companion !== undefined) return companion
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.keeper.stop()
    const realms = [...this.#realms.values()]
    this.#realms.clear()
    this.#loading.clear()
    this.#trees.clear()
    this.#prunedRevision = 0
    for (const realm of realms) await realm.close()
  }

  #treeNow(): Soon<NamespaceTree> {
    const tree = this.#doors.store.look((view) =>
      after(view.epoch(), (epoch) => this.#trees.at(epoch, view)),
    )
    return after(tree, (now) => {
      if (now.revision > this.#prunedRevision) this.#prune(now)
      return now
    })
  }

  #realmOf(record: NamespaceRecord): Soon<Realm> {
    const { id } = record
    const known = this.#realms.get(id)
    if (known !== undefined) {
      // Where there is room for no more, who comes goes behind the others.
      if (this.#realms.size >= loadedMax) this.#realms.delete(id)
      this.#realms.set(id, known)
      return known
    }
    const loading = this.#loading.get(id) ?? this.#load(record)
    this.#loading.set(id, loading)
    return loading
  }

  async #load(record: NamespaceRecord): Promise<Realm> {
    const { id } = record
    try {
      await this.#requireSign(id)
      const ids = await Realm.idsOf(this.#doors, this.scopeOf(id), id)
      const time = this.#clockOf(id)
      time.goOnFrom(ids.lastMs)
      const realm = new Realm(this.#doors, this, { record, ids, time })
      await realm.configuration()
      if (this.#loading.has(id)) {
        this.#makeRoom()
        this.#realms.set(id, realm)
      }
      return realm
    } finally {
      this.#loading.delete(id)
    }
  }

  /** Of one that was made before there were signs. */
  async #requireSign(id: string): Promise<void> {
    const sign = keys.namespaceSign()
    if ((await this.scopeOf(id).view((view) => view.get(sign))) !== undefined) return
    await this.#doors.store.write(async (txn) => {
      await requireLiving(txn, id)
      scopedTransaction(txn, id).put(sign, { id })
    })
  }

  #clockOf(id: string): TokenClock {
    const time = this.#clocks.get(id) ?? new TokenClock(this.#doors.tokenClock)
    this.#clocks.set(id, time)
    return time
  }

  #makeRoom(): void {
    if (this.#realms.size < loadedMax) return
    for (const [id, realm] of this.#realms) {
      if (realm.isBusy) continue
      this.#forget(id)
      return
    }
  }

  #forget(id: string): void {
    const realm = this.#realms.get(id)
    this.#realms.delete(id)
    void realm?.close()
  }

  /** Those that are gone, or going, are not served any more. */
  #prune(tree: NamespaceTree): void {
    this.#prunedRevision = tree.revision
    for (const id of this.#realms.keys()) {
      const record = tree.byId(id)
      if (record === undefined || record.tainted === true) this.#forget(id)
    }
    for (const id of this.#clocks.keys()) {
      if (tree.byId(id) === undefined) this.#clocks.delete(id)
    }
  }
}

/**
 * The path of a login inside its namespace. Without its `auth/`, as some clients send it, it is one
 * all the same, unless its beginning could be a namespace or a part of the mount's name.
 */
function loginPathIn(path: string, isBelowPath: boolean): string {
  if (path.startsWith('auth/')) return path
  if (!isBelowPath) return `auth/${path}`
  throw invalid('the path of the login can be read in two ways: write it with auth/')
}

const itself = (view: StoreView): StoreView => view

/** With the rights that a token of somewhere above has here; it has no place of its own here. */
function lent(
  known: Admission | undefined,
  prefix: string,
  home: TokenHome,
): Admission | undefined {
  if (known === undefined) return undefined
  return {
    ...known,
    acl: new PrefixedAcl(known.acl, prefix),
    caller: { ...known.caller, tokenId: '' },
    home: {
      id: home.id,
      path: home.path,
      tokens: home.tokens,
      tokenOperations: home.tokenOperations,
    },
  }
}

function isAliveIn(
  realm: Pick<RootRealm, 'tokens' | 'rights' | 'configurationAt'>,
  token: string,
  view: StoreView,
  epoch: number,
): Soon<boolean> {
  return after(realm.configurationAt(epoch), async (configuration) => {
    const found = await realm.tokens.byId(token, view, configuration)
    if (found === undefined) return false
    // What it has made has no entity: a disabled one ends it all the same.
    return !(await realm.rights.of(found.record, epoch, view)).isRefused
  })
}

/** Nothing is written any more to what is being deleted. */
function requireLiving(txn: StoreTransaction, id: string): Soon<void> {
  return after(txn.get(keys.namespace(id)), (record) => {
    if (record === undefined || record.tainted === true) throw new Refusal('namespace_unknown')
  })
}

function normalHeader(header: string): string {
  if (header === rootNamespaceId) return ''
  return header.includes('//') ? header.replaceAll(/\/{2,}/g, '/') : header
}

/** Paths that every namespace has: no namespace is called so. */
function isOfEvery(path: string): boolean {
  return path.startsWith('auth/') || path.startsWith('sys/') || path.startsWith('identity/')
}
