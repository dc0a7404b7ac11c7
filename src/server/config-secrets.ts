/**
 * Finds the first secret that stands in a configuration file, known setting or not, to judge who
 * may read the file.
 */

import type { HclPosition } from '../lib/hcl.ts'
import type { HclBody, HclValue } from '../lib/hcl-tree.ts'

const secretName =
  /(?:^|_)(?:password|passwd|secret|token|credentials?|connection_url|current_key|previous_key|(?:secret|access|private|api|encryption)_?key|pin)$/i

/** Where it is; what it is stays here. */
export function findSecret(body: HclBody): HclPosition | undefined {
  for (const item of body.items) {
    const found = secretName.test(item.name) ? secretText(item.value) : secretInside(item.value)
    if (found !== undefined) return found
  }
  return undefined
}

function secretInside(value: HclValue): HclPosition | undefined {
  switch (value.kind) {
    case 'body':
      return findSecret(value)
    case 'list':
      return value.values.map(secretInside).find((found) => found !== undefined)
    case 'string':
      return isSecretText(value.value) ? value : undefined
    case 'number':
    case 'bool':
    case 'null':
      return undefined
  }
}

/** A place to read a secret from is none. */
function secretText(value: HclValue): HclPosition | undefined {
  if (value.kind !== 'string') return secretInside(value)
  return value.value === '' || /^(?:env|file):\/\//.test(value.value) ? undefined : value
}

/** A private key, or an address with a password in it. */
function isSecretText(text: string): boolean {
  return (
    /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----/.test(text) ||
    /^[a-z][a-z0-9+.-]{0,32}:\/\/[^/@\s:]{0,256}:[^/@\s]{1,1024}@/i.test(text)
  )
}
