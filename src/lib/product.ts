/**
 * What the product is called and which versions it reports. The only place where these are written.
 */

export const product = {
  name: 'tokenstile',
  version: '0.2.0',
  /** The Vault line whose API is spoken; clients switch features by it. */
  compatibleVersion: '1.17.0',
  /** The OpenBao line that began from it. */
  compatibleBaoVersion: '2.0.0',
} as const

/**
 * The `version` of seal-status and health. It has to be a semantic version, and Terraform's
 * provider takes build metadata with the letters "ent" for an Enterprise server.
 */
export const wireVersion = `${product.compatibleVersion}+${product.name}.${product.version}`
