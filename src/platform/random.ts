/**
 * The only door to randomness: the operating system's generator, drawn in pools because small draws
 * are dear.
 */

import { randomFillSync, randomUUID } from 'node:crypto'

export interface Random {
  /** That many fresh random bytes; the buffer belongs to the caller. */
  bytes(count: number): Buffer
  /** A random (version 4) UUID, RFC 9562. */
  uuid(): string
}

const poolBytes = 8192

export class SystemRandom implements Random {
  #pool = Buffer.alloc(0)
  #at = 0

  bytes(count: number): Buffer {
    const out = Buffer.allocUnsafe(count)
    if (count > poolBytes / 4) return randomFillSync(out)
    if (this.#at + count > this.#pool.length) {
      // A failing source throws here, and that is fatal on purpose.
      this.#pool = randomFillSync(Buffer.allocUnsafe(poolBytes))
      this.#at = 0
    }
    this.#pool.copy(out, 0, this.#at, this.#at + count)
    // What was handed out does not stay behind in memory.
    this.#pool.fill(0, this.#at, this.#at + count)
    this.#at += count
    return out
  }

  uuid(): string {
    return randomUUID()
  }
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * That many random letters and digits, each of 62 with the same chance: 43 of them are 256 bits.
 */
export function randomLetters(random: Random, length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of random.bytes(length + 16)) {
      // Bytes beyond the largest multiple of 62 are drawn again.
      if (byte < 248 && text.length < length) text += letters.charAt(byte % letters.length)
    }
  }
  return text
}

/** Of 16 random bytes, which are changed. */
export function formatUuid(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
