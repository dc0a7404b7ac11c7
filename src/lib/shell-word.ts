/** A word as a POSIX shell reads it: for commands that people copy. */

export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/u.test(text) ? text : shellQuoted(text)
}

/** In quotes whatever it holds. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
