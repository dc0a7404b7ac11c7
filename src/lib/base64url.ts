/** Base64url without padding (RFC 4648 §5, RFC 7515 §2), canonical in both directions. */

/**
 * The bytes, or undefined when the text is not exactly what `encodeBase64Url` gives for them. A
 * second spelling of the same bytes (padding, the other alphabet, unused bits set) would make one
 * token two texts.
 */
export function decodeBase64Url(text: string): Buffer | undefined {
  // The platform's decoder skips what it does not know; writing the bytes again shows whether it
  // did.
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

export function encodeBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
