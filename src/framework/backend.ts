/**
 * What an auth method or secrets engine is: its paths and a few hooks. Everything it may touch
 * comes in here.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import type { Family } from '../lib/metrics.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import type { Codec, Key, KeyRange, StoreTransaction, StoreView } from '../storage/store.ts'
import type { LoginExplainer } from './explain.ts'
import type { LoginRecorder } from './login-log.ts'
import type { PathDeclaration } from './path.ts'

/** A mount as its backend sees it; `tune` may change it at any time, so ask each time. */
export interface MountFacts {
  readonly uuid: string
  readonly accessor: string
  /** `jwt/` or `team/kv/`: with a slash at the end, without `auth/`. */
  readonly path: string
  readonly class: 'auth' | 'secret'
  /** The name given at enable time, such as `jwt` or `oidc`. */
  readonly type: string
  readonly options: Readonly<Record<string, string>>
  /** Effective values, in seconds: the mount's own, else the system's. */
  readonly defaultLeaseTtlSeconds: number
  readonly maxLeaseTtlSeconds: number
  readonly compat: 'strict' | 'vault'
  readonly explainToCaller: 'none' | 'own_claims' | 'full'
  readonly userLockout: UserLockout
}

/** After how many wrong attempts one name of a mount is locked, and for how long. */
export interface UserLockout {
  readonly threshold: number
  readonly durationSeconds: number
  /** A failure that is older counts no more. */
  readonly counterResetSeconds: number
  readonly isDisabled: boolean
}

/** The part of the store that belongs to one mount; gone when the mount is disabled. */
export interface MountStore {
  /** Data: secrets, key documents, sign-in states. */
  key<T>(path: string, codec?: Codec<T>): Key<T>
  /** Configuration: changing it advances the epoch. Config records, roles. */
  configKey<T>(path: string, codec?: Codec<T>): Key<T>
  /** Direct and indirect children below the data path. */
  keyRange(prefix: string, options?: { readonly limit?: number; readonly after?: string }): KeyRange
  configRange(
    prefix: string,
    options?: { readonly limit?: number; readonly after?: string },
  ): KeyRange
  /** The path that was given to `key` or `configKey`. */
  pathOf(keyText: string): string
  view<T>(work: (view: StoreView) => Soon<T>): Promise<T>
  /** Without waiting, where nothing has to be waited for. */
  look<T>(work: (view: StoreView) => Soon<T>): Soon<T>
  write<T>(work: (txn: StoreTransaction) => Soon<T>): Promise<T>
  /**
   * Seals a text that leaves the server for one purpose of this mount, such as the value of a
   * cookie; base64url.
   */
  sealText(purpose: string, text: string): string
  /**
   * Undefined for what was not sealed here for this purpose. Any node and a restarted server can
   * open it.
   */
  openText(purpose: string, sealed: string): string | undefined
  /**
   * A keyed hash of a text for one purpose of this mount, the same for ever; base64url. It stands
   * for a secret that is only compared, and for a name that a key of the store must not tell.
   */
  hashText(purpose: string, text: string): string
}

export interface BackendContext {
  readonly mount: () => MountFacts
  readonly store: MountStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly loginLog: LoginRecorder
  /** Those of these policies that nobody has written; for advice, never for a decision. */
  readonly unknownPolicies?: (names: readonly string[]) => Promise<readonly string[]>
  /** Those of these groups for which no group has an alias on this mount; for advice. */
  readonly unmappedGroups?: (names: readonly string[]) => Promise<readonly string[]>
  /** Decided logins of this mount that are kept, newest first. */
  readonly keptLogins?: (limit: number) => Promise<readonly KeptLogin[]>
  /** Processes of this server: what all of them may do together is shared out; 1 when absent. */
  readonly processes?: number | undefined
}

/** What of a decided login can be judged again. */
export interface KeptLogin {
  /** Its request id. */
  readonly id: string
  readonly timeMs: number
  readonly kind?: 'jwt' | 'oidc' | undefined
  readonly role?: string | undefined
  readonly roleVersion?: number | undefined
  readonly source?: string | undefined
  /** Under the references of its role; undefined when the token was not proven. */
  readonly claims?: JsonObject | undefined
  /** By a list of the mount's own: what is not among them may have been there. */
  readonly claimsListed?: boolean | undefined
  /** Through a CEL role. */
  readonly isCel?: boolean | undefined
}

export interface RenewRequest {
  readonly role: { readonly name: string; readonly kind: string; readonly version: number }
  readonly facts: JsonObject
  readonly policies: readonly string[]
  /** Of whoever renews. */
  readonly clientAddress: string | undefined
  readonly nowMs: number
}

/** What the issuing method says about a renewal, in seconds; 0 is unset. */
export interface RenewTerms {
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly periodSeconds: number
  /** A limit from the token's making on; of it and the token's own the smaller one counts. */
  readonly explicitMaxTtlSeconds?: number
}

export interface Backend {
  readonly paths: readonly PathDeclaration[]
  /** Judges a renewal; throws a `Refusal` when the token may not be renewed. Auth methods only. */
  renew?(request: RenewRequest): Promise<RenewTerms>
  /** The role that a login asks for at a path of the mount, for its quota; empty is none. */
  roleOfLogin?(path: string, data: JsonObject): Soon<string>
  /** Says why a login would be accepted or refused. Auth methods only. */
  readonly explainer?: LoginExplainer
  /** Host of the identity provider that browser sign-ins lead to; empty is none. */
  signInHost?(): Promise<string>
  /** What it knows about itself, for whoever watches the server; asked at each reading. */
  metrics?(): readonly Family[]
  /** Called when mount options were tuned; throws a `Refusal` to refuse the change. */
  checkTune?(
    options: Readonly<Record<string, string>>,
    before: Readonly<Record<string, string>>,
  ): Promise<readonly string[]>
  /** Takes the lock from a name that too many wrong attempts have locked. */
  unlock?(aliasName: string): Promise<void>
  /** The mount goes away or the server stops. */
  close?(): Promise<void>
}

export interface BackendType {
  /** Looks at the options of a mount before it is made or tuned; throws a `Refusal`. */
  checkOptions?(options: Readonly<Record<string, string>>): void
  /** Names under which it can be enabled. */
  readonly types: readonly string[]
  readonly class: 'auth' | 'secret'
  /** Path of the login that takes a JWT and a role, and so can judge one on any request. */
  readonly directLogin?: string
  /** Names of aliases that differ in case alone are two people. */
  readonly exactAliases?: true
  create(context: BackendContext): Backend
}
