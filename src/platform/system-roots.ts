/**
 * The certificate authorities that this machine trusts. Node's own list is compiled into it and
 * knows nothing of an authority that a company has added to its machines; Go programs, whose
 * settings people bring along, read the system's. SSL_CERT_FILE and SSL_CERT_DIR name others, and
 * NODE_EXTRA_CA_CERTS adds to them.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'

type Variables = Readonly<Record<string, string | undefined>>

/** Where the systems keep their bundle; the first that is there counts. */
const bundleFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
const folderFilesMax = 1000

/** PEM texts; undefined where the system has none, and Node's own list stands in. */
function readSystemRoots(variables: Variables): readonly string[] | undefined {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders, NODE_EXTRA_CA_CERTS: extra } = variables
  const files = file === undefined || file === '' ? bundleFiles : [file]
  const bundle = files.map(textOf).find((text) => text !== undefined)
  const fromFolders = (folders ?? '')
    .split(':')
    .filter((path) => path !== '')
    .flatMap(textsIn)
  if (bundle === undefined && fromFolders.length === 0) return undefined
  const added = extra === undefined || extra === '' ? undefined : textOf(extra)
  return [bundle, ...fromFolders, added].filter((text) => text !== undefined)
}

/** Of this process; undefined where Node's own list counts. */
export function systemRoots(): readonly string[] | undefined {
  return readSystemRoots(process.env)
}

let context: SecureContext | undefined

/** Made once: reading a hundred certificates for every connection would hold up everybody. */
export function systemTrust(): SecureContext {
  if (context !== undefined) return context
  const ca = systemRoots()
  context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...ca], allowPartialTrustChain: true }),
  })
  return context
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function textsIn(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder).sort().slice(0, folderFilesMax)
    return names.map((name) => textOf(join(folder, name))).filter((text) => text !== undefined)
  } catch {
    return []
  }
}
