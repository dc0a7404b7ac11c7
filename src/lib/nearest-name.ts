/** The known name that a mistyped one is probably meant to be. */

const distanceMax = 2

export function nearestName(typed: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = distanceMax + 1
  for (const name of known) {
    if (Math.abs(name.length - typed.length) > distanceMax) continue
    const distance = editDistance(typed, name)
    // A short word is near to everything, so it has to share its first letter.
    const near = typed.length > 3 || name[0] === typed[0]
    if (near && distance < bestDistance && distance < name.length) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
