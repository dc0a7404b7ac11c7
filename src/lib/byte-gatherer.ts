/**
 * The pieces of a body as one buffer. Pieces are copied as they come: each one that is kept is an
 * object of a hundred bytes and more, and a sender who chooses pieces of one byte would choose a
 * hundred times his bytes of our memory.
 */

const capacityMin = 4096
const noBytes = Buffer.alloc(0)

export class ByteGatherer {
  readonly #bytesMax: number
  /** Before the second piece it is the first one itself: most bodies come in one. */
  #buffer: Buffer = noBytes
  #length = 0

  /** Infinity is no limit. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False when there are more bytes than there may be; they are forgotten then. */
  add(piece: Buffer): boolean {
    if (piece.length === 0) return true
    const length = this.#length + piece.length
    if (length > this.#bytesMax) {
      this.forget()
      return false
    }
    if (this.#length === 0) {
      this.#buffer = piece
    } else {
      if (length > this.#buffer.length) this.#grow(length)
      piece.copy(this.#buffer, this.#length)
    }
    this.#length = length
    return true
  }

  /** All of them, in their order. */
  take(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  forget(): void {
    this.#buffer = noBytes
    this.#length = 0
  }

  #grow(length: number): void {
    const capacity = Math.max(capacityMin, Math.min(Math.ceil(length * 1.5), this.#bytesMax))
    const larger = Buffer.allocUnsafe(capacity)
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
