/**
 * Files with PGP public keys of people, as gpg exports them: binary, in armour or in base64.
 * RFC 9580 §4.2 and RFC 9580 §6.2. A private key is noticed here, before it leaves the machine.
 */

import { readUserFile } from '../platform/user-files.ts'
import { CommandFailure } from './failure.ts'

const publicKeyPacket = 6
const privateKeyPacket = 5

/** The keys of the files that the words of a flag name, as the server takes them. */
export function readPgpKeyFiles(flag: string, words: readonly string[]): Promise<string[]> {
  const paths = words.flatMap((word) => word.split(',')).filter(Boolean)
  return Promise.all(paths.map((path) => readPgpKeyFile(flag, path)))
}

/** The key of one file, as the server takes it. */
export async function readPgpKeyFile(flag: string, word: string): Promise<string> {
  const fail = (why: string): never => {
    throw new CommandFailure(`-${flag}: ${word}: ${why}`)
  }
  if (word.startsWith('keybase:')) {
    fail('keys are not fetched from Keybase: save the public key to a file and give its path')
  }
  const path = word.startsWith('@') ? word.slice(1) : word
  const content = (await readUserFile(path, 'latin1')) ?? fail('there is no such file')
  const bytes = decodeKeyFile(content)
  const packet = packetTag(bytes[0] ?? 0)
  if (packet === privateKeyPacket) fail('this is a private key: give the public one')
  return packet === publicKeyPacket
    ? bytes.toString('base64')
    : fail('expected a PGP public key: binary, in armour, or in base64')
}

function decodeKeyFile(content: string): Buffer {
  const text = content.trim()
  const isArmoured = text.startsWith('-----BEGIN PGP ')
  const base64 = isArmoured ? armouredBody(text) : text.replaceAll(/\s/g, '')
  return isArmoured || /^[0-9A-Za-z+/]+={0,2}$/.test(base64)
    ? Buffer.from(base64, 'base64')
    : Buffer.from(content, 'latin1')
}

/** Between the headers, which end with an empty line, and the checksum. */
function armouredBody(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const begin = lines.indexOf('') + 1
  const end = lines.findIndex((line, place) => place >= begin && /^(?:=|-----)/.test(line))
  return lines.slice(begin, end === -1 ? undefined : end).join('')
}

/** Of the older and the newer form of a header; 0 is none. */
function packetTag(first: number): number {
  if ((first & 0x80) === 0) return 0
  return (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f
}
