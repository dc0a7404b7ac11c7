/**
 * The key of the `static` seal: it opens the store without people. It comes from a file or the
 * environment, as 32 raw bytes or as their hex or base64 text.
 */

const keyBytes = 32

export interface StaticSeal {
  readonly type: 'static'
  readonly key: Buffer
  /** Where the key comes from, behind a blank; empty where nobody has to look for it. */
  readonly origin: string
}

export type SealType = StaticSeal | { readonly type: 'shamir' }

export const shamirSeal: SealType = { type: 'shamir' }

/** Throws when the input is no key; says where it comes from, never what it was. */
export function createStaticSeal(input: Buffer | string, origin = ''): StaticSeal {
  if (typeof input !== 'string' && input.length === keyBytes) {
    return { type: 'static', key: Buffer.from(input), origin }
  }
  // A file written by an editor or by echo ends with a line end.
  const text = input.toString('utf8').trim()
  const key = decodeKey(text, keyBytes)
  if (key === undefined) {
    throw new Error(
      `the static seal key${origin} must be ${keyBytes} bytes, raw or as hex or base64 text`,
    )
  }
  return { type: 'static', key, origin }
}

/** The bytes of a hex or base64 text if there are exactly so many. */
export function decodeKey(text: string, bytesWanted: number): Buffer | undefined {
  if (text.length === bytesWanted * 2 && isHex(text)) return Buffer.from(text, 'hex')
  if (!isBase64(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === bytesWanted ? bytes : undefined
}

export function isHex(text: string): boolean {
  return text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)
}

export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[0-9a-z+/]+={0,2}$/i.test(text)
}
