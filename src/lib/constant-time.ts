/** Comparison whose time does not depend on where two texts differ. */

/** True when both texts are the same; only their lengths may show in the time it takes. */
export function equalSecrets(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  // Behind the end of the shorter one there is nothing to compare; the lengths have told already.
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
