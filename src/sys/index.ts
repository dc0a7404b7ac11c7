/** The sys/ mount: every path of it, and help about all mounts. */

import type {
  NamespacePorts,
  NamespaceSystem,
  System,
  SystemPorts,
} from '../core/ports/system-ports.ts'
import type { PathDeclaration } from '../framework/path.ts'
import { auditPaths } from './audit-paths.ts'
import { capabilityPaths } from './capability-paths.ts'
import { corsPaths } from './cors-paths.ts'
import { explainPaths } from './explain-paths.ts'
import { internalPaths } from './internal-paths.ts'
import { leasePaths } from './lease-paths.ts'
import { loginRecordPaths } from './login-record-paths.ts'
import { lockedUserPaths } from './locked-user-paths.ts'
import { metricsPaths } from './metrics-paths.ts'
import { mountPaths } from './mount-paths.ts'
import { namespacePaths } from './namespace-paths.ts'
import { helpText, openApiDocument } from './openapi.ts'
import { policyPaths } from './policy-paths.ts'
import { quotaPaths } from './quota-paths.ts'
import { rekeyPaths } from './rekey-paths.ts'
import { rootGenerationPaths } from './root-generation-paths.ts'
import { rotationPaths } from './rotation-paths.ts'
import { sealPaths } from './seal-paths.ts'
import { serverPaths } from './server-paths.ts'
import { storagePaths } from './storage-paths.ts'
import { toolPaths } from './tool-paths.ts'
import { pluginPaths } from './plugin-paths.ts'
import { uiHeaderPaths } from './ui-header-paths.ts'
import { wrappingPaths } from './wrapping-paths.ts'

export function createSystem(ports: SystemPorts): System {
  const ofServer = pathsOfServer(ports)
  return {
    paths: [...ofServer, ...pathsOfNamespace(ports)],
    serverPaths: ofServer,
    help: helpOf(ports),
  }
}

/** The same below the root: nothing there is about the whole server. */
export const createNamespaceSystem: NamespaceSystem = (ports) => ({
  paths: pathsOfNamespace(ports),
  help: helpOf(ports),
})

function helpOf(ports: NamespacePorts): System['help'] {
  return (declarations, declaration, path) => {
    const help = helpText(declarations, declaration, path)
    return `${JSON.stringify({ help, see_also: null, openapi: openApiDocument(ports, []) })}\n`
  }
}

function pathsOfServer(ports: SystemPorts): readonly PathDeclaration[] {
  return [
    ...sealPaths(ports),
    ...rootGenerationPaths(ports),
    ...rekeyPaths(ports),
    ...metricsPaths(ports),
    ...corsPaths(ports),
    ...auditPaths(ports),
    ...quotaPaths(ports),
    ...rotationPaths(ports),
    ...serverPaths(ports),
    ...storagePaths(ports),
    ...uiHeaderPaths(ports),
  ]
}

function pathsOfNamespace(ports: NamespacePorts): readonly PathDeclaration[] {
  return [
    ...capabilityPaths(ports),
    ...policyPaths(ports),
    ...leasePaths(ports),
    ...lockedUserPaths(ports),
    ...internalPaths(ports),
    ...explainPaths(ports),
    ...loginRecordPaths(ports),
    ...namespacePaths(ports),
    ...toolPaths(ports),
    ...pluginPaths(ports),
    ...wrappingPaths(ports),
    ...mountPaths(ports),
  ]
}
