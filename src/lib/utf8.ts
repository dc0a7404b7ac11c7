/**
 * Bytes that are known to be UTF-8 as text, at the speed of the machine also where they are not
 * ASCII.
 */

import { isAscii, transcode } from 'node:buffer'

/** For a few hundred bytes the way around costs more than it saves. */
const plainBytesMax = 4096

export function decodeUtf8(bytes: Buffer): string {
  if (bytes.length <= plainBytesMax || isAscii(bytes)) return bytes.toString('utf8')
  return transcode(bytes, 'utf8', 'utf16le').toString('utf16le')
}
