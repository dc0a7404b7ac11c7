/** Texts damaged at random places, the same ones in every run. */

/** Small and reproducible; fast-check would spend most of the time on making the cases. */
export function createDice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % sides
  }
}

/** The text with up to four places cut out or filled with others. */
export function damage(text: string, dice: (sides: number) => number): string {
  let damaged = text
  for (let left = dice(4); left >= 0; left--) {
    const at = dice(damaged.length + 1)
    const insert = String.fromCharCode(dice(3) === 0 ? dice(65_536) : dice(128)).repeat(dice(3))
    damaged = damaged.slice(0, at) + insert + damaged.slice(at + dice(5))
  }
  return damaged
}
