/** The sys/ mount: every path of it, and help about all mounts. */

import type { System, SystemPorts } from '../core/ports/system-ports.ts'
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
import { uiHeaderPaths } from './ui-header-paths.ts'
import { wrappingPaths } from './wrapping-paths.ts'

export function createSystem(ports: SystemPorts): System {
  return {
    paths: systemPaths(ports),
    help: (declarations, declaration, path) => {
      const help = helpText(declarations, declaration, path)
      return `${JSON.stringify({ help, see_also: null, openapi: openApiDocument(ports, []) })}\n`
    },
  }
}

function systemPaths(ports: SystemPorts): readonly PathDeclaration[] {
  return [
    ...sealPaths(ports),
    ...rootGenerationPaths(ports),
    ...rekeyPaths(ports),
    ...capabilityPaths(ports),
    ...policyPaths(ports),
    ...leasePaths(ports),
    ...lockedUserPaths(ports),
    ...internalPaths(ports),
    ...explainPaths(ports),
    ...loginRecordPaths(ports),
    ...metricsPaths(ports),
    ...corsPaths(ports),
    ...toolPaths(ports),
    ...auditPaths(ports),
    ...quotaPaths(ports),
    ...rotationPaths(ports),
    ...serverPaths(ports),
    ...storagePaths(ports),
    ...uiHeaderPaths(ports),
    ...wrappingPaths(ports),
    ...mountPaths(ports),
  ]
}
