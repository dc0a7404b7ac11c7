/**
 * Keys of people, to which shares and root tokens are encrypted (RFC 9580). It encrypts, nothing
 * else: no private key is taken and nothing opened. The library is loaded when a key comes.
 */

import type { PublicKey } from 'openpgp'
import { SealProblem } from './seal-problem.ts'
import { isBase64 } from './static-seal.ts'

/** Of all texts of one field; a key with the signatures of a dozen others has 16,000. */
export const pgpCharsMax = 262_144

const keyBytesMax = 49_152

/** Names, subkeys and the key's own signatures, each of which may have to be verified. */
const ownPacketsMax = 50

/**
 * What is verified in bounded time: the library does the arithmetic of other kinds in JavaScript,
 * with numbers as long as whoever sends the key likes.
 */
const rsaBitsMax = 8192
const rsaExponentBytesMax = 4
const rsaAlgorithms: ReadonlySet<string> = new Set(['rsaEncryptSign', 'rsaEncrypt', 'rsaSign'])
const curveAlgorithms: ReadonlySet<string> = new Set(['ecdsa', 'ecdh', 'eddsaLegacy'])
const modernAlgorithms: ReadonlySet<string> = new Set(['ed25519', 'x25519'])
const curves: ReadonlySet<string> = new Set([
  'nistP256',
  'nistP384',
  'nistP521',
  'curve25519Legacy',
  'ed25519Legacy',
])

export interface PgpKey {
  /** Lower-case hex. */
  readonly fingerprint: string
  /** One binary message. */
  encrypt(plain: Uint8Array): Promise<Buffer>
}

/** The keys of base64 texts, each of which can be encrypted to now. Throws SealProblem. */
export async function readPgpKeys(
  field: string,
  texts: readonly string[],
  nowMs: number,
): Promise<readonly PgpKey[]> {
  const keys: PgpKey[] = []
  for (const [place, text] of texts.entries()) {
    const name = texts.length === 1 ? field : `${field}: key ${place + 1}`
    keys.push(await readPgpKey(name, text, new Date(nowMs)))
  }
  return keys
}

async function readPgpKey(name: string, text: string, date: Date): Promise<PgpKey> {
  const refuse = (problem: string): never => {
    throw new SealProblem(`${name}: ${problem}`)
  }
  if (!isBase64(text)) refuse('expected the base64 of a binary PGP public key, without armour')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length > keyBytesMax) refuse(`expected a PGP key of at most ${keyBytesMax} bytes`)
  const pgp = await import('openpgp')
  const read = await pgp.readKeys({ binaryKeys: bytes }).catch(() => [])
  const [key] = read
  if (key === undefined || read.length > 1) {
    return refuse('expected the base64 of one binary PGP public key')
  }
  if (key.isPrivate()) refuse('this is a private key: give the public one, and replace this one')
  if (key.keyPacket.version !== 4) refuse('only PGP keys of version 4 are supported')
  if (!key.getKeys().every(isOfBoundedCost)) {
    refuse(
      `expected a PGP key of RSA with at most ${rsaBitsMax} bits, of a NIST curve or of Curve25519, its subkeys too`,
    )
  }
  if (isCostly(key)) refuse('the PGP key has too many names, subkeys or signatures of its own')
  if (await settled(key.isRevoked(undefined, undefined, date), true)) {
    refuse('the PGP key is revoked')
  }
  const expires = await settled(key.getExpirationTime(), null)
  if (expires !== null && expires <= date) refuse('the PGP key has expired')
  const encrypt = async (plain: Uint8Array) =>
    Buffer.from(
      await pgp.encrypt({
        message: await pgp.createMessage({ binary: plain }),
        encryptionKeys: key,
        format: 'binary',
        date,
      }),
    )
  // What is encrypted later must not fail when keys have been made for it.
  if ((await settled(encrypt(new Uint8Array(1)), undefined)) === undefined) {
    refuse('the PGP key has no subkey that can be encrypted to')
  }
  return { fingerprint: key.getFingerprint(), encrypt }
}

function isOfBoundedCost({ keyPacket }: ReturnType<PublicKey['getKeys']>[number]): boolean {
  try {
    const { algorithm, bits = 0, curve = '' } = keyPacket.getAlgorithmInfo()
    if (modernAlgorithms.has(algorithm)) return true
    if (curveAlgorithms.has(algorithm)) return curves.has(curve)
    const { e } = keyPacket.publicParams as { readonly e?: Uint8Array }
    return (
      rsaAlgorithms.has(algorithm) && bits <= rsaBitsMax && (e?.length ?? 0) <= rsaExponentBytesMax
    )
  } catch {
    // A curve that the library does not know.
    return false
  }
}

function isCostly(key: PublicKey): boolean {
  const packets = key.toPacketList().length
  const byOthers = key.users.reduce((sum, user) => sum + user.otherCertifications.length, 0)
  return packets - byOthers > ownPacketsMax
}

/** The library throws for whatever is wrong with a key. */
function settled<T, O>(work: Promise<T>, otherwise: O): Promise<T | O> {
  return work.catch(() => otherwise)
}

/** Each share as its hex text, as Vault does, to the key at its place. */
export function encryptShares(
  shares: readonly Buffer[],
  keys: readonly PgpKey[],
): Promise<readonly Buffer[]> {
  return Promise.all(
    shares.map(async (share, place) => {
      const key = keys[place]
      if (key === undefined) throw new Error('a share has no key to be encrypted to')
      return key.encrypt(Buffer.from(share.toString('hex')))
    }),
  )
}
