/**
 * What the paths below `sys/` may do with the core, one port for each role. The core implements
 * them all; a group of paths names those that it uses. What belongs to an open seal throws
 * `StoreSealed` while there is none.
 */

import type { PathDeclaration } from '../../framework/path.ts'
import type { Family } from '../../lib/metrics.ts'
import type { Soon } from '../../lib/soon.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Random } from '../../platform/random.ts'
import type { Store } from '../../storage/store.ts'
import type { PolicyAccess } from '../access.ts'
import type { AuditDevices } from '../audit-devices.ts'
import type { Backups } from '../backups.ts'
import type { CoreConfiguration } from '../configuration.ts'
import type { DecisionRecords } from '../decision-records.ts'
import type { InFlight } from '../in-flight.ts'
import type { LoginFeed } from '../login-feed.ts'
import type { Logins } from '../login.ts'
import type { MountedBackends } from '../mounted-backends.ts'
import type { Mounts } from '../mounts.ts'
import type { NamespaceAdmin } from '../namespaces/namespace-admin.ts'
import type { Policies } from '../policies.ts'
import type { KeyRotation } from '../seal/key-rotation.ts'
import type { RekeySteps } from '../seal/rekey.ts'
import type { RootGenerationSteps } from '../seal/root-generation.ts'
import type { Seal } from '../seal/seal-manager.ts'
import type { CoreSettings } from '../settings.ts'
import type { StoreCheck } from '../store-check.ts'
import type { TokenOperations } from '../token-operations.ts'
import type { RightsOfTokens } from '../token-rights.ts'
import type { Tokens } from '../tokens.ts'
import type { Wrapping } from '../wrapping.ts'

/** Reads and writes records. */
export interface RecordPort {
  readonly store: Store
}

/** Mounts, marks of revocation and CORS, of now or of an epoch. */
export interface ConfigurationPort {
  configuration(): Promise<CoreConfiguration>
  configurationAt(epoch: number): Soon<CoreConfiguration>
}

/** The server's own settings, which no request changes. */
export interface SettingsPort {
  readonly settings: CoreSettings
}

/** Makes, opens, closes and rotates the keys. */
export interface SealPort {
  readonly seal: Seal
  readonly clock: Clock
  readonly random: Random
}

/** What holders of unseal keys may do together. */
export interface ShareHolderPort {
  readonly rootGeneration: RootGenerationSteps
  readonly rekey: RekeySteps
}

/** Rotates the barrier key when it is due. */
export interface RotationPort {
  readonly rotation: Pick<KeyRotation, 'check'>
}

export interface ClockPort {
  readonly clock: Clock
}

export interface LoggerPort {
  readonly logger: Logger
}

/** Requests that are being carried out. */
export interface InFlightPort {
  readonly inFlight: Pick<InFlight, 'entries'>
}

/** Copies and checks the whole store while it is served. */
export interface BackupPort {
  readonly backups: Backups
  readonly storeCheck: StoreCheck
}

/** Finds live tokens. */
export interface TokenFinder {
  readonly tokens: Pick<Tokens, 'resolve' | 'byAccessor' | 'byId' | 'ids' | 'nowSeconds'>
}

/** Visits and ends tokens, whoever made them. */
export interface TokenKeeper {
  readonly tokenOperations: Pick<TokenOperations, 'revokeId' | 'eachLive' | 'tidy'>
}

/** What policies a token has, and their compiled rules. */
export interface RightsPort {
  readonly rights: Pick<RightsOfTokens, 'of'>
  readonly access: Pick<PolicyAccess, 'acl' | 'aclWith'>
}

export interface PolicyPort {
  readonly policies: Policies
}

/** Enables, tunes, moves and disables mounts. */
export interface MountPort {
  readonly mounts: Mounts
}

/** What can be enabled, and the paths of what is. */
export interface BackendPort {
  readonly backends: Pick<MountedBackends, 'typeNames' | 'of'>
}

/** What was decided about logins. */
export interface RecordedLoginsPort {
  readonly records: Pick<DecisionRecords, 'find' | 'list' | 'droppedCount' | 'isOn'>
  readonly loginFeed: Pick<LoginFeed, 'open'>
}

/** What the server has counted, with what its mounts know. */
export interface MetricsPort {
  collectMetrics(): Promise<readonly Family[]>
}

/** Says what a login would come to. */
export interface LoginPreviewPort {
  readonly logins: Pick<Logins, 'preview'>
}

/** Keeps answers until somebody unwraps them. */
export interface WrappingPort {
  readonly wrapping: Wrapping
}

/** Makes, lists and removes audit devices. */
export interface AuditPort {
  readonly audit: Pick<AuditDevices, 'enable' | 'disable' | 'hash' | 'setHeader'>
}

export interface RandomPort {
  readonly random: Random
}

/** Makes, changes, locks and removes namespaces below its own. */
export interface NamespacePort {
  readonly namespaces: NamespaceAdmin
}

/** What every namespace has for itself. */
export interface NamespacePorts
  extends
    RecordPort,
    ConfigurationPort,
    SettingsPort,
    ClockPort,
    TokenFinder,
    TokenKeeper,
    RightsPort,
    PolicyPort,
    MountPort,
    BackendPort,
    WrappingPort,
    LoginPreviewPort,
    RecordedLoginsPort,
    RandomPort,
    NamespacePort {}

export interface SystemPorts
  extends
    NamespacePorts,
    SealPort,
    ShareHolderPort,
    RotationPort,
    LoggerPort,
    InFlightPort,
    BackupPort,
    AuditPort,
    MetricsPort {}

/** The part of the server that is about the server; it is mounted at `sys/` and is no plugin. */
export interface System {
  /** In the order in which patterns are tried. */
  readonly paths: readonly PathDeclaration[]
  /** Those of them that the root namespace alone has. */
  readonly serverPaths: readonly PathDeclaration[]
  /** The answer to a request for help about a mount or one of its paths, as JSON. */
  help(
    declarations: readonly PathDeclaration[],
    declaration: PathDeclaration | undefined,
    path: string,
  ): string
}

/** The `sys/` mount of a namespace below the root. */
export type NamespaceSystem = (ports: NamespacePorts) => Omit<System, 'serverPaths'>
