/**
 * The cluster the server runs in as a key source (jwt-oidc.md §5.6): its address comes from the
 * environment, trust and credential from the service account's files. The API server is known by
 * its address and CA, so the issuer it names is taken as it is.
 */

import { err, ok, type Result } from '../lib/result.ts'
import { readCaBundle, type CaBundle } from './ca-bundle.ts'
import type { DiscoveryPlace } from './discovered-keys.ts'

/** The door to the two files and the environment; injected. */
export interface ClusterFiles {
  /** Rejects when there is no such file or it cannot be read. */
  readonly readText: (path: string) => Promise<string>
  readonly environment: Readonly<Record<string, string | undefined>>
}

const folder = '/var/run/secrets/kubernetes.io/serviceaccount'
export const serviceAccountTokenPath = `${folder}/token`
export const serviceAccountCaPath = `${folder}/ca.crt`

export function kubernetesDiscovery(cluster: ClusterFiles): DiscoveryPlace {
  let ca: CaBundle | undefined
  return {
    kind: 'kubernetes',
    expected: { kind: 'any' },
    isJwksUriRequired: true,
    base: () => apiServerUrl(cluster.environment),
    access: async () => {
      const caPem = await readFileText(cluster, serviceAccountCaPath)
      if (!caPem.ok) return caPem
      const token = await readFileText(cluster, serviceAccountTokenPath)
      // Tokens of service accounts are replaced while the pod runs: read again for each request,
      // and go without if that fails.
      const headers = token.ok ? { authorization: `Bearer ${token.value.trim()}` } : undefined
      // The CA is replaced too, though seldom.
      if (ca?.given !== caPem.value) ca = readCaBundle(caPem.value)
      return ok({ ca, headers })
    },
    checkAccess: async () => {
      const token = await readFileText(cluster, serviceAccountTokenPath)
      return token.ok ? ok(undefined) : token
    },
  }
}

function apiServerUrl(environment: ClusterFiles['environment']): Result<string, string> {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? ''
  if (host === '' || port === '') {
    return err(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: the server does not run in a cluster',
    )
  }
  return ok(`https://${host.includes(':') ? `[${host}]` : host}:${port}`)
}

async function readFileText(cluster: ClusterFiles, path: string): Promise<Result<string, string>> {
  try {
    return ok(await cluster.readText(path))
  } catch {
    return err(`${path} could not be read`)
  }
}
