/**
 * Bytes as letters and digits. Each four bytes become six characters, so that it is cheap and of
 * fixed length, and every text has one reading: groups above 2^32-1 are refused.
 */

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const digitOf = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) digitOf[alphabet.charCodeAt(i)] = i
const digits = alphabet.split('')
/** Two digits at a time. */
const pairs = digits.flatMap((first) => digits.map((second) => first + second))
const pairCount = 62 * 62

/** Text of 6 characters for each 4 bytes; the length of `bytes` is a multiple of 4. */
export function encodeBase62(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.readUInt32BE(at)
    const low = word % pairCount
    const upper = (word - low) / pairCount
    const middle = upper % pairCount
    text += pairs[(upper - middle) / pairCount] ?? ''
    text += pairs[middle] ?? ''
    text += pairs[low] ?? ''
  }
  return text
}

/** The bytes, or undefined when the text is not exactly what `encodeBase62` gives. */
export function decodeBase62(text: string): Buffer | undefined {
  if (text.length % 6 !== 0) return undefined
  const bytes = Buffer.allocUnsafe((text.length / 6) * 4)
  for (let at = 0; at < text.length; at += 6) {
    let word = 0
    for (let i = 0; i < 6; i++) {
      const code = text.charCodeAt(at + i)
      const digit = code < 128 ? (digitOf[code] ?? -1) : -1
      if (digit < 0) return undefined
      word = word * 62 + digit
    }
    if (word > 0xffffffff) return undefined
    bytes.writeUInt32BE(word, (at / 6) * 4)
  }
  return bytes
}
