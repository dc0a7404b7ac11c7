/**
 * Who uses a data folder: one process, or several that all asked for sharing.
 *
 * Node has no file locks. Each process listens on a socket of its own and enters it in a list that
 * lies in the store and is only changed inside LMDB write transactions, which exclude each other
 * between processes. An entry counts as long as its socket answers: the kernel closes the socket
 * with the process, however that ends, so a kill frees the folder, and no stale file, reused
 * process id or race between two starters can hold or open it wrongly. Where the socket's file was
 * deleted, the process id with its start time decides (Linux). The list is bound to the inode of
 * the data file: entries of a copied folder are nobody's.
 */

import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFilePath, fileMode, refuse } from './data-folder.ts'

/** Longest path that fits a socket address on every system. */
const socketPathBytesMax = 100

const attemptsMax = 16

/** Processes on one folder. */
const ownersMax = 256

interface Owner {
  readonly pid: number
  /**
   * Ticks since boot at which the process began, and which boot; empty where the system does not
   * tell.
   */
  readonly started: string
  readonly socket: string
  readonly shared: boolean
  /** The server whose processes alone share the folder; absent where all that ask for it do. */
  readonly group?: string
  readonly file: string
}

/** The list as the store keeps it: replaced only when it is still what was read. */
export interface OwnerList {
  read(): Buffer | undefined
  replace(before: Buffer | undefined, after: Buffer): boolean
}

export interface FolderOwnerOptions {
  readonly folder: string
  readonly list: OwnerList
  readonly shared: boolean
  readonly group?: string | undefined
  readonly processId: number
  /** Unguessable part of the socket's name. */
  readonly socketId: string
}

export class FolderOwner {
  readonly #options: FolderOwnerOptions
  readonly #own: Owner
  readonly #server: Server
  #folderHandle: number | undefined

  private constructor(options: FolderOwnerOptions, own: Owner, server: Server) {
    this.#options = options
    this.#own = own
    this.#server = server
  }

  /** Enters this process, or refuses because of another one. */
  static async claim(options: FolderOwnerOptions): Promise<FolderOwner> {
    const { folder, shared, group, processId } = options
    const own: Owner = {
      pid: processId,
      started: readStart(processId),
      socket: socketName(folder, options.socketId),
      shared,
      ...(group === undefined ? {} : { group }),
      file: readFileIdentity(folder),
    }
    const owner = new FolderOwner(
      options,
      own,
      createServer((socket) => socket.destroy()),
    )
    await owner.#listen()
    try {
      await owner.#enter()
      return owner
    } catch (error) {
      await owner.#stop()
      throw error
    }
  }

  /**
   * Takes this process off the list. A full disk may refuse that; the closed socket alone frees the
   * folder as well.
   */
  async release(): Promise<void> {
    const { list } = this.#options
    try {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const before = list.read()
        const rest = parseOwners(before).filter((owner) => owner.socket !== this.#own.socket)
        if (list.replace(before, encodeOwners(rest))) break
      }
    } catch {
      // The next one that opens the folder finds that nobody answers.
    } finally {
      await this.#stop()
    }
  }

  async #enter(): Promise<void> {
    const { folder, list, shared, group } = this.#options
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const before = list.read()
      const living: Owner[] = []
      const gone: Owner[] = []
      for (const owner of parseOwners(before)) {
        ;((await this.#isAlive(owner)) ? living : gone).push(owner)
      }
      const rival = living.find((owner) => !shared || !owner.shared || owner.group !== group)
      if (rival !== undefined) {
        const sharing = rival.shared ? ' together with others' : ''
        refuse(folder, `is in use by process ${rival.pid}${sharing}; stop it first`)
      }
      if (living.length >= ownersMax) refuse(folder, 'is in use by too many processes')
      if (!list.replace(before, encodeOwners([...living, this.#own]))) continue
      for (const owner of gone) removeSocket(folder, owner.socket)
      return
    }
    refuse(folder, 'is being opened by many processes at once; try again')
  }

  async #isAlive(owner: Owner): Promise<boolean> {
    const outcome = await this.#knock(owner.socket)
    if (outcome === 'ECONNREFUSED') return false
    if (outcome !== 'ENOENT') return true
    // Without its socket file a process is known by its id and start time alone.
    return (
      owner.file === this.#own.file &&
      owner.started !== '' &&
      readStart(owner.pid) === owner.started
    )
  }

  #knock(socket: string): Promise<string> {
    return new Promise((resolve) => {
      const connection = connect(this.#address(socket))
      connection.on('connect', () => {
        connection.destroy()
        resolve('connected')
      })
      connection.on('error', (error) => resolve('code' in error ? String(error.code) : 'failed'))
    })
  }

  async #listen(): Promise<void> {
    const { folder } = this.#options
    const address = this.#address(this.#own.socket)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.on('error', reject)
        // Of this process alone, also where several of one server share the sockets they accept on.
        this.#server.listen({ path: address, exclusive: true }, () => resolve(undefined))
      })
      this.#server.unref()
      if (platform() !== 'win32') chmodSync(address, fileMode)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
      refuse(folder, `cannot hold a lock: listening on a socket there failed with ${code}`)
    }
  }

  async #stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    removeSocket(this.#options.folder, this.#own.socket)
    if (this.#folderHandle !== undefined) closeSync(this.#folderHandle)
    this.#folderHandle = undefined
  }

  /** A path that fits a socket address: a long one goes through a handle of the folder. */
  #address(socket: string): string {
    if (socket.includes('/') || socket.includes('\\')) return socket
    const path = join(this.#options.folder, socket)
    if (Buffer.byteLength(path) <= socketPathBytesMax) return path
    this.#folderHandle ??= openSync(this.#options.folder, 'r')
    return `/proc/self/fd/${this.#folderHandle}/${socket}`
  }
}

/** A name within the folder, or a whole path where such a name cannot be reached. */
function socketName(folder: string, socketId: string): string {
  const name = `owner-${socketId}.sock`
  if (platform() === 'win32') return `\\\\.\\pipe\\${name}`
  const isShort = Buffer.byteLength(join(folder, name)) <= socketPathBytesMax
  return isShort || platform() === 'linux' ? name : join(tmpdir(), name)
}

function removeSocket(folder: string, socket: string): void {
  if (socket.startsWith('\\')) return
  try {
    unlinkSync(socket.includes('/') ? socket : join(folder, socket))
  } catch {
    // Gone already; it has no meaning without its list entry.
  }
}

function readFileIdentity(folder: string): string {
  const { dev, ino } = statSync(dataFilePath(folder), { bigint: true })
  return `${dev}:${ino}`
}

function readStart(pid: number): string {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return ''
  try {
    // The name in parentheses may hold anything; the start time is the 20th field after it
    // (proc(5)).
    const fields = readFileSync(path, 'utf8').split(') ').at(-1)?.split(' ')
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields?.[19] ?? ''}`
  } catch {
    return ''
  }
}

function encodeOwners(owners: readonly Owner[]): Buffer {
  return Buffer.from(JSON.stringify(owners))
}

function parseOwners(bytes: Buffer | undefined): readonly Owner[] {
  return bytes === undefined ? [] : (JSON.parse(bytes.toString()) as Owner[])
}
