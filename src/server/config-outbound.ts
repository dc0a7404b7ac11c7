/**
 * The `outbound` block of a server configuration: where the server may call, and by which proxy.
 * Whoever may write the configuration of a mount names addresses; this block is the operator's word
 * on them (SEC-NET-12).
 */

import { parseCidr, type Cidr } from '../lib/cidr.ts'
import { parseProxyAddress } from '../platform/proxy-environment.ts'
import type { ConfigBlock } from './config-block.ts'

export interface OutboundConfig {
  /** Never called, besides those that nobody calls. */
  readonly denyNetworks: readonly Cidr[]
  /** When not empty, nothing else is called. */
  readonly allowNetworks: readonly Cidr[]
  /** Instead of HTTP_PROXY and HTTPS_PROXY of the environment; empty when unset. */
  readonly proxyAddress: string
  readonly insecureAllowLinkLocal: boolean
}

export const openOutbound: OutboundConfig = {
  denyNetworks: [],
  allowNetworks: [],
  proxyAddress: '',
  insecureAllowLinkLocal: false,
}

const networksMax = 1000

export function readOutbound(block: ConfigBlock | undefined): OutboundConfig {
  if (block === undefined) return openOutbound
  const proxyAddress = block.text('proxy_address') ?? ''
  if (proxyAddress !== '' && parseProxyAddress(proxyAddress) === undefined) {
    block.refuse('proxy_address', 'must be http://host:port')
  }
  const insecureAllowLinkLocal = block.bool('insecure_allow_link_local') ?? false
  if (insecureAllowLinkLocal) {
    block.warn(
      'insecure_allow_link_local',
      'lets whoever configures a mount make the server call the metadata service of a cloud',
    )
  }
  const config = {
    denyNetworks: readNetworks(block, 'deny_networks'),
    allowNetworks: readNetworks(block, 'allow_networks'),
    proxyAddress,
    insecureAllowLinkLocal,
  }
  block.finish()
  return config
}

function readNetworks(block: ConfigBlock, name: string): readonly Cidr[] {
  const texts = block.list(name)
  // An empty list would read as "nothing" to one and as "everything" to another.
  if (texts.length === 0 && block.has(name)) block.refuse(name, 'names no network: leave it out')
  if (texts.length > networksMax) block.refuse(name, `has more than ${networksMax} networks`)
  return texts.map((text) => parseCidr(text) ?? block.refuse(name, 'holds what is no network'))
}
