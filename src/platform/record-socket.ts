/**
 * Audit records over a socket: a stream (tcp, unix) that is connected when it is needed and again
 * after it broke, or datagrams (udp), one for each record.
 */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { RecordSink } from './record-sink.ts'

export type SocketPlace =
  | { readonly type: 'tcp' | 'udp'; readonly host: string; readonly port: number }
  | { readonly type: 'unix'; readonly path: string }

/** A record of UDP over IPv4 can have no more bytes. */
const datagramBytesMax = 65_507

export function openRecordSocket(place: SocketPlace): RecordSink {
  return place.type === 'udp' ? new Datagrams(place) : new RecordStream(place)
}

class RecordStream implements RecordSink {
  readonly #place: SocketPlace
  #socket: Socket | undefined

  constructor(place: SocketPlace) {
    this.#place = place
  }

  async write(lines: readonly string[]): Promise<void> {
    const socket = this.#socket ?? (await this.#connect())
    await new Promise<void>((resolve, reject) => {
      socket.write(lines.join(''), (problem) => {
        if (problem) reject(problem)
        else resolve()
      })
    })
  }

  /** The next write connects again. */
  async reopen(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    socket?.end()
  }

  giveUp(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async close(): Promise<void> {
    await this.reopen()
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(placeOptions(this.#place))
      this.#socket = socket
      // Its end is known by the next write, or by the reader's own closing.
      socket.on('error', reject)
      socket.on('end', () => socket.destroy())
      socket.on('close', () => {
        if (this.#socket === socket) this.#socket = undefined
        reject(new Error('the connection ended'))
      })
      socket.on('connect', () => resolve(socket))
      socket.resume()
      socket.unref()
    })
  }
}

function placeOptions(place: SocketPlace) {
  return place.type === 'unix'
    ? { path: place.path }
    : { host: place.host, port: place.port, noDelay: true }
}

class Datagrams implements RecordSink {
  readonly #place: { readonly host: string; readonly port: number }
  #socket: DatagramSocket | undefined
  /** What the system said of an earlier record, such as that nobody listens there. */
  #problem: Error | undefined

  constructor(place: { readonly host: string; readonly port: number }) {
    this.#place = place
  }

  async write(lines: readonly string[]): Promise<void> {
    const problem = this.#problem
    this.#problem = undefined
    if (problem !== undefined) throw problem
    const socket = this.#socket ?? (await this.#open())
    await Promise.all(lines.map((line) => send(socket, line)))
  }

  async reopen(): Promise<void> {
    this.giveUp()
  }

  giveUp(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  async close(): Promise<void> {
    this.giveUp()
  }

  #open(): Promise<DatagramSocket> {
    const { host, port } = this.#place
    return new Promise((resolve, reject) => {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
      socket.unref()
      socket.on('error', (problem) => {
        this.#problem = problem
        reject(problem)
      })
      socket.on('connect', () => {
        this.#socket = socket
        resolve(socket)
      })
      // A socket with an address is told when nobody is there.
      socket.connect(port, host)
    })
  }
}

function send(socket: DatagramSocket, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(line)
    if (bytes.length > datagramBytesMax) {
      reject(new Error(`a record has more than ${datagramBytesMax} bytes`))
      return
    }
    socket.send(bytes, (problem) => {
      if (problem) reject(problem)
      else resolve()
    })
  })
}
