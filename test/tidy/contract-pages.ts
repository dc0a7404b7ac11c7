/** What can be cited of `docs/contract/`: its sections by page, the rulings, and the cases of the catalogues. */

export interface Contract {
  /** Numbers of the headings, by the name of the page. */
  readonly sections: ReadonlyMap<string, ReadonlySet<string>>
  /** `R1` and so on. */
  readonly rulings: ReadonlySet<string>
  /** Ids with the page that has their row. */
  readonly cases: ReadonlyMap<string, string>
}

export const casePattern = /(?<![\w-])(?:SEC-)?[A-Z]{3}-(?:S\d|\d{2,3})(?![\w-])/g

export function parseContract(pages: ReadonlyMap<string, string>): Contract {
  const sections = new Map<string, ReadonlySet<string>>()
  const rulings = new Set<string>()
  const cases = new Map<string, string>()
  for (const [page, text] of pages) {
    sections.set(page, new Set(firstGroups(text, /^#+ (\d+[a-z]?(?:\.\d+)*)\.? /gm)))
    for (const ruling of firstGroups(text, /^\| (R\d+) \|/gm)) rulings.add(ruling)
    for (const id of firstGroups(text, /^\| ((?:SEC-)?[A-Z]{3}-(?:S\d|\d{2,3})) \|/gm)) {
      if (cases.has(id)) throw new Error(`${id} is in ${cases.get(id)} and in ${page}`)
      cases.set(id, page)
    }
  }
  return { sections, rulings, cases }
}

/** Every id in the text, those between the ends of `TIM-001..TIM-012` or `TIM-001 to TIM-012` included. */
export function caseIdsOf(text: string): ReadonlySet<string> {
  const ids = new Set(Array.from(text.matchAll(casePattern), ([id]) => id))
  const ranges = /((?:SEC-)?[A-Z]{3})-(\d{2,3})(?:\.\.| to )\1-(\d{2,3})(?!\w)/g
  for (const [, area = '', first = '', last = ''] of text.matchAll(ranges)) {
    for (let number = Number(first); number <= Number(last); number++) {
      ids.add(`${area}-${String(number).padStart(first.length, '0')}`)
    }
  }
  return ids
}

function firstGroups(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), ([, found = '']) => found)
}
