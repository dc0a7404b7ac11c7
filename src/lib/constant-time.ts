/** Comparison whose time does not depend on where two texts differ. */

/** True when both texts are the same; only their lengths may show in the time it takes. */
export function equalSecrets(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++)
    difference |= a.charCodeAt(i) ^ b.charCodeAt(i % (b.length || 1))
  return difference === 0
}
