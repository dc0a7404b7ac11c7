/** PGP keys whose own signatures cost whoever verifies them as long as their maker likes; no signature in them is right. */

import { createHash, randomBytes } from 'node:crypto'

type Kind = 'dsa' | 'rsa'

/** Base64 of a version 4 key with one name, of numbers of so many bits, that signs its name so often. */
export function hostilePgpKey(kind: Kind, bits: number, signatures = 1): string {
  const created = Buffer.alloc(4)
  created.writeUInt32BE(Math.floor(Date.now() / 1000) - 86_400)
  const algorithm = kind === 'dsa' ? 17 : 1
  const numbers =
    kind === 'dsa'
      ? [odd(bits), odd(bits - 1), odd(bits - 1), odd(bits - 1)]
      : [odd(bits), odd(bits - 1)]
  const key = Buffer.concat([
    Buffer.from([4]),
    created,
    Buffer.from([algorithm]),
    ...numbers.map(mpi),
  ])
  const name = Buffer.from('a <a@a.a>')
  const sign = (): Buffer => packet(2, signature({ kind, bits, algorithm, created, key, name }))
  const parts = [packet(6, key), packet(13, name), ...Array.from({ length: signatures }, sign)]
  return Buffer.concat(parts).toString('base64')
}

function signature(of: {
  readonly kind: Kind
  readonly bits: number
  readonly algorithm: number
  readonly created: Buffer
  readonly key: Buffer
  readonly name: Buffer
}): Buffer {
  const { key, name } = of
  const head = Buffer.from([0x99, key.length >> 8, key.length & 255])
  const fingerprint = createHash('sha1').update(head).update(key).digest()
  const hashed = Buffer.concat([
    subpacket(2, of.created),
    subpacket(33, Buffer.concat([Buffer.from([4]), fingerprint])),
    subpacket(27, Buffer.from([0x0f])),
  ])
  const lengths = [hashed.length >> 8, hashed.length & 255]
  const start = Buffer.concat([Buffer.from([4, 0x13, of.algorithm, 8, ...lengths]), hashed])
  const trailer = Buffer.from([4, 255, 0, 0, 0, 0])
  trailer.writeUInt32BE(start.length, 2)
  const nameHead = Buffer.from([0xb4, 0, 0, 0, name.length])
  const digest = createHash('sha256')
  for (const part of [head, key, nameHead, name, start, trailer]) digest.update(part)
  const unhashed = subpacket(16, fingerprint.subarray(12))
  const values = of.kind === 'dsa' ? [odd(of.bits - 2), Buffer.from([2])] : [odd(of.bits - 2)]
  const left = digest.digest().subarray(0, 2)
  return Buffer.concat([
    start,
    Buffer.from([0, unhashed.length]),
    unhashed,
    left,
    ...values.map(mpi),
  ])
}

function odd(bits: number): Buffer {
  const number = randomBytes(Math.ceil(bits / 8))
  const top = (bits - 1) % 8
  number[0] = ((number[0] ?? 0) & ((1 << top) - 1)) | (1 << top)
  number[number.length - 1] = (number.at(-1) ?? 0) | 1
  return number
}

/** RFC 9580 §3.2. */
function mpi(number: Buffer): Buffer {
  const bits = (number.length - 1) * 8 + (32 - Math.clz32(number[0] ?? 0))
  return Buffer.concat([Buffer.from([bits >> 8, bits & 255]), number])
}

function packet(tag: number, body: Buffer): Buffer {
  const head = Buffer.from([0xc0 | tag, 255, 0, 0, 0, 0])
  head.writeUInt32BE(body.length, 2)
  return Buffer.concat([head, body])
}

function subpacket(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([body.length + 1, type]), body])
}
