/** What the first process and a worker ask each other. */

import type { Family } from '../../lib/metrics.ts'
import type { LogLevel } from '../../platform/logger.ts'
import type { BoundAddress } from '../../http/listener.ts'
import type { ConfigFile } from '../config-file.ts'
import type { Letter } from './letter.ts'

type Nothing = Readonly<Record<string, never>>
export const nothing: Nothing = {}

/** What a worker needs to be one of this server; the same for each, also for a later one. */
export interface WorkerSetup {
  /** The words after `server`. */
  readonly words: readonly string[]
  /** The configuration as it was read at the start: a file that changes makes no worker differ. */
  readonly files: readonly ConfigFile[]
  readonly workers: number
  /** Of each listener, for those that take any; 0 for the others. */
  readonly freePorts: readonly number[]
  /** Known to the processes of this run alone: they share the folder, others do not. */
  readonly folderGroup: string
  /** Set where somebody has changed it since the start. */
  readonly logLevel?: LogLevel
}

/** What came of something that the leader was to do for another worker. */
export type ErrandOutcome =
  | { readonly kind: 'done'; readonly letter: Letter }
  /** Somebody else leads by now. */
  | { readonly kind: 'elsewhere' }

export interface Progress {
  readonly progress: number
  readonly nonce: string
}

/** Asked by a worker, answered by the first process. */
export interface OfPrimary {
  readonly setup: { readonly asked: Nothing; readonly answer: WorkerSetup }
  /** Before it serves: the answer comes when it is as open as the others are. */
  readonly join: {
    readonly asked: { readonly publicKey: string }
    /** Whether it is to open the store by itself, if it can. */
    readonly answer: { readonly mayOpenItself: boolean }
  }
  readonly listening: {
    readonly asked: { readonly addresses: readonly BoundAddress[] }
    readonly answer: undefined
  }
  /** It cannot go on, and why. */
  readonly failed: { readonly asked: { readonly text: string }; readonly answer: undefined }
  /** It has opened the store, or changed the root key: the others are to be open with it. */
  readonly opened: { readonly asked: Nothing; readonly answer: undefined }
  /** All the others are to be sealed. */
  readonly seal: { readonly asked: Nothing; readonly answer: undefined }
  /** There is a new term of the barrier key. */
  readonly rotated: { readonly asked: Nothing; readonly answer: undefined }
  /** For the leader to do; the answer is sealed to whoever asks. */
  readonly errand: {
    readonly asked: { readonly letter: Letter; readonly replyTo: string }
    readonly answer: ErrandOutcome
  }
  readonly progress: { readonly asked: Nothing; readonly answer: Progress }
  /** Records that the others have sealed under that term and not counted in the store yet. */
  readonly unsavedSeals: {
    readonly asked: { readonly term: number }
    readonly answer: { readonly count: number }
  }
  /** What each of the others has counted. */
  readonly metrics: {
    readonly asked: Nothing
    readonly answer: { readonly ofOthers: readonly (readonly Family[])[] }
  }
  readonly logLevel: { readonly asked: { readonly level: LogLevel }; readonly answer: undefined }
}

/** Asked by the first process, answered by a worker. */
export interface OfWorker {
  /** Who leads: gathers shares and does the work that one does for all. */
  readonly leader: { readonly asked: { readonly publicKey: string }; readonly answer: undefined }
  /** The root key for the worker with that public key; undefined when this one is sealed. */
  readonly rootKey: {
    readonly asked: { readonly publicKey: string }
    readonly answer: { readonly letter?: Letter }
  }
  readonly open: { readonly asked: { readonly letter: Letter }; readonly answer: undefined }
  readonly seal: { readonly asked: Nothing; readonly answer: undefined }
  readonly keyring: { readonly asked: Nothing; readonly answer: undefined }
  readonly errand: OfPrimary['errand']
  readonly progress: OfPrimary['progress']
  /** The same of this one. */
  readonly unsavedSeals: OfPrimary['unsavedSeals']
  /** What this one has counted; nothing while it is sealed. */
  readonly metrics: {
    readonly asked: Nothing
    readonly answer: { readonly own: readonly Family[] }
  }
  readonly logLevel: OfPrimary['logLevel']
  /** SIGHUP: certificates and the log file once more; what could not be had is told. */
  readonly reload: { readonly asked: Nothing; readonly answer: { readonly problem?: string } }
  /** It ends when it has answered what it took. */
  readonly stop: { readonly asked: Nothing; readonly answer: undefined }
}
