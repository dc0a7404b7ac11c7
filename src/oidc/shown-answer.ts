/**
 * Words of a provider as they may be quoted: on one line, without tags, without anything that looks
 * like a credential, and without what was sent to it, however short that is. Some providers repeat
 * the code or the secret in the text of their error.
 */

const shownLengthMax = 400
/** The beginning of a longer one is looked for; the rest of it is a run without an end. */
const secretLengthMax = 4096

export interface AnswerQuotes {
  readonly quote: (text: string) => string
  /** The text repeats something that was sent. */
  readonly isEcho: (text: string) => boolean
}

/** Quotes texts in which none of these values stands, plain or as an address or a form has it. */
export function createQuotes(secrets: readonly string[]): AnswerQuotes {
  const hidden = [...new Set(secrets.flatMap(spellings))]
    .filter((secret) => secret !== '')
    // A longer one first: a shorter one may be a part of it.
    .toSorted((a, b) => b.length - a.length)
  return {
    quote(text) {
      // What begins in the part that is shown is looked for to its end.
      let shown = text.slice(0, shownLengthMax + secretLengthMax)
      for (const secret of hidden) shown = shown.replaceAll(secret, '…')
      const line = shown
        .slice(0, shownLengthMax)
        .replaceAll(/[^\u0020-\u007e\u00a1-\uffff]|[<>]/g, '?')
        .replaceAll(/[\w~+/.-]{24,}/g, '…')
      return JSON.stringify(line)
    },
    isEcho: (text) => hidden.some((secret) => text.includes(secret)),
  }
}

function spellings(secret: string): readonly string[] {
  const known = secret.slice(0, secretLengthMax)
  const inAddress = encodeURIComponent(known.toWellFormed())
  return [known, inAddress, inAddress.replaceAll('%20', '+')]
}
