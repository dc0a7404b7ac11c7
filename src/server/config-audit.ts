/**
 * The `audit` blocks of a server configuration and what it says of devices that requests make
 * (platform.md §8.1, §9.7). Options are read here already, so that a wrong one stops the start with
 * its line.
 */

import type { AuditSettings, WantedDevice } from '../core/audit-devices.ts'
import { parseDeviceOptions } from '../audit/device-options.ts'
import type { ConfigBlock } from './config-block.ts'

export interface AuditBlock {
  readonly labels: readonly string[]
  readonly block: ConfigBlock
}

const devicesMax = 32

export type AuditConfig = Omit<AuditSettings, 'closedFolders'>

export function readAudit(top: ConfigBlock, blocks: readonly AuditBlock[]): AuditConfig {
  const declared: WantedDevice[] = []
  for (const { labels, block } of blocks) {
    if (declared.length >= devicesMax) top.refuse('audit', `has more than ${devicesMax} devices`)
    const device = readDevice(labels, block)
    if (declared.some(({ path }) => path === device.path)) {
      top.refuse('audit', 'has two devices of one name')
    }
    declared.push(device)
  }
  return {
    declared,
    mayCreate: top.bool('unsafe_allow_api_audit_creation') ?? false,
    mayPrefix: top.bool('allow_audit_log_prefixing') ?? false,
  }
}

function readDevice([type = '', name = '']: readonly string[], block: ConfigBlock): WantedDevice {
  const path = name === '' ? type : name
  if (!/^[\w-](?:[\w./-]*[\w-])?$/.test(path) || path.length > 256) {
    block.refuse('audit', 'is written audit "file" "name", with a name of letters and digits')
  }
  const options = block.block('options')
  const texts = Object.fromEntries(
    (options?.names ?? []).map((one) => [one, options?.text(one) ?? '']),
  )
  const parsed = parseDeviceOptions(type, texts)
  if (!parsed.ok) block.refuse('options', parsed.error)
  const device = {
    path,
    type,
    description: block.text('description') ?? '',
    local: block.bool('local') ?? false,
    options: texts,
  }
  block.finish()
  return device
}
