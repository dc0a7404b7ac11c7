/** People with PGP keys, who can open what was encrypted to them. */

import * as openpgp from 'openpgp'

export interface PgpPerson {
  /** As the server takes it: base64 of the binary form. */
  readonly key: string
  readonly armoured: string
  readonly privateKey: openpgp.PrivateKey
  readonly fingerprint: string
  open(base64: string): Promise<string>
}

type KeyOptions = Omit<openpgp.KeyOptions, 'userIDs' | 'format'>

export async function makePgpPerson(options: KeyOptions = {}): Promise<PgpPerson> {
  const { privateKey } = await openpgp.generateKey({
    userIDs: [{ name: 'Holder' }],
    ...options,
    format: 'object',
  })
  return personOf(privateKey)
}

export function personOf(privateKey: openpgp.PrivateKey): PgpPerson {
  const publicKey = privateKey.toPublic()
  return {
    key: base64OfKey(publicKey),
    armoured: publicKey.armor(),
    privateKey,
    fingerprint: publicKey.getFingerprint(),
    async open(base64) {
      const message = await openpgp.readMessage({ binaryMessage: Buffer.from(base64, 'base64') })
      return (await openpgp.decrypt({ message, decryptionKeys: privateKey })).data.toString()
    },
  }
}

export function base64OfKey(key: openpgp.Key): string {
  return Buffer.from(key.write()).toString('base64')
}
