/**
 * Texts that make a bad regular expression slow: long runs of what the expression itself speaks of,
 * with something in front, behind or in the middle that it cannot take. What it costs is measured
 * as time of the processor, so that a busy machine does not count.
 */

import type { RegExpPlace } from './source-text.ts'

export interface SlowExpression {
  readonly ms: number
  readonly length: number
  /** The bait in short: what is repeated between which ends. */
  readonly bait: string
}

export const baitCharacters = 65_536
export const msMax = 50
/** An expression whose cost doubles with each character is seen before it runs for ever. */
const lengths = [24, 32, 36, 48, 96, 1_024, 8_192]
/** What takes longer for the last of the lengths is tried at the full one. */
const suspectMs = 0.7
const unitsMax = 24
const runsMax = 4

/** Stand-ins for classes of characters. */
const classes: Readonly<Record<string, string>> = {
  d: '0',
  w: 'a',
  s: ' ',
  n: '\n',
  r: '\r',
  t: '\t',
  D: 'a',
  W: '-',
  S: 'a',
  L: 'é',
  N: '7',
  C: '\u0001',
  Z: '\u2028',
  P: '!',
}

/** The first bait that breaks the limit, or undefined when all are read in time. */
export function findSlowBait({ source, flags }: Expression): SlowExpression | undefined {
  const expression = new RegExp(source, flags)
  return findSlowText(source, (text) => {
    expression.lastIndex = 0
    // A global expression looks at the whole text, any other one stops at its first match.
    if (expression.global) text.replace(expression, '')
    else expression.test(text)
  })
}

/** The same for work that matches by an expression of its own; `source` is what that speaks of. */
export function findSlowText(
  source: string,
  work: (text: string) => void,
): SlowExpression | undefined {
  const { units, starts } = ingredients(source)
  for (const unit of units) {
    for (const start of starts) {
      for (const shape of shapes) {
        const slow = tryLengths(work, (length) => bait({ start, unit, shape }, length))
        if (slow !== undefined) {
          return { ...slow, bait: `${JSON.stringify(start)} (${JSON.stringify(unit)})* ${shape}` }
        }
      }
    }
  }
  return undefined
}

type Expression = Pick<RegExpPlace, 'source' | 'flags'>

const shapes = ['run', 'broken'] as const

interface Recipe {
  readonly start: string
  readonly unit: string
  readonly shape: (typeof shapes)[number]
}

/** A run alone, or one that is broken in the middle and once more at the end. */
function bait({ start, unit, shape }: Recipe, length: number): string {
  const run = unit.repeat(Math.ceil(length / unit.length))
  if (shape === 'run') return start + run
  return `${start}${run}\u0000${run.slice(0, run.length / 2)}\u0000x`
}

function tryLengths(
  work: (text: string) => void,
  textOf: (length: number) => string,
): Omit<SlowExpression, 'bait'> | undefined {
  let ms = 0
  for (const length of lengths) {
    const text = textOf(length)
    ms = cost(work, text)
    if (ms > msMax) return { ms, length }
  }
  if (ms <= suspectMs) return undefined
  const text = textOf(baitCharacters)
  ms = cost(work, text)
  return ms > msMax ? { ms, length: baitCharacters } : undefined
}

/**
 * The least of some runs: the first one compiles, and any of them may meet the garbage collector.
 */
function cost(work: (text: string) => void, text: string): number {
  let least = Infinity
  for (let run = 0; run < runsMax && least > suspectMs; run++) {
    if (run > 0 && least > msMax * 10) return least
    const before = process.cpuUsage()
    work(text)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

/** What the expression speaks of, one by one and in words, and the words that may open a text. */
function ingredients(source: string) {
  const words = source
    .replaceAll(/\\[pP]\{(\w)\w*\}/g, (_, letter: string) => classes[letter] ?? 'é')
    .replaceAll(/\\u\{?([0-9a-fA-F]{2,6})\}?|\\x([0-9a-fA-F]{2})/g, (_, a?: string, b?: string) =>
      String.fromCodePoint(Number.parseInt(a ?? b ?? '61', 16)),
    )
    .replaceAll(/\\(.)/gs, (_, letter: string) => classes[letter] ?? letter)
  // Brackets and the like are mostly signs of the expression itself, and so is what it begins with.
  const characters = [...new Set(words.replaceAll(/[()[\]?:|^$]/g, ''))].slice(0, unitsMax)
  const literals = words.match(/[A-Za-z0-9:/=." -]{2,}/g) ?? []
  const several = literals.slice(0, 4).flatMap((word) => [word.slice(0, 2), word.slice(0, 12)])
  const units = [...new Set([...characters, ...several, 'a', '0', ' ', '/', '\t', 'a/', 'é'])]
  const starts = new Set(['', 'x', ...characters.slice(0, 3), ...literals.slice(0, 2)])
  return { units, starts }
}
