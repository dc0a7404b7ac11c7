/**
 * What a CI system makes of a job's log: GitHub shows an annotation where a line is its command,
 * GitLab folds what stands between two marks. Both read every line, so that what a token or a
 * server says must never look like one of their commands.
 */

import type { Variables } from './environment.ts'
import { safeText } from './safe-text.ts'

export type Ci = 'github' | 'gitlab'

/** Undefined where nobody but a person or a script reads along. */
export function ciOf(variables: Variables): Ci | undefined {
  if (variables['GITHUB_ACTIONS'] === 'true') return 'github'
  const gitlab = variables['GITLAB_CI']
  return gitlab === 'true' || gitlab === '1' ? 'gitlab' : undefined
}

/**
 * The same text without commands. GitHub's runner takes `::name::` at the start of a line, also
 * behind blanks, and the older `##[name]` anywhere; GitLab's marks need control characters, which
 * `safeText` has escaped.
 */
export function withoutCommands(ci: Ci | undefined, text: string): string {
  const safe = safeText(text)
  return ci === 'github'
    ? safe.replaceAll(/^(\s*):(?=:)/gm, '$1: ').replaceAll('##[', '## [')
    : safe
}

/** The same in JSON or YAML: text stands in quotes there, and an escape means the same letter. */
export function quotedWithoutCommands(ci: Ci | undefined, text: string): string {
  return ci === 'github' ? text.replaceAll('##[', String.raw`##\u005b`) : text
}

/** A refusal with its annotation, or folded below its first line. */
export function refusalText(
  ci: Ci | undefined,
  refusal: { readonly reason: string; readonly text: string },
  nowMs: number,
): string {
  const text = withoutCommands(ci, refusal.text)
  const title = `Login refused: ${safeText(refusal.reason)}`
  if (ci === 'github') return `${text}\n${annotation(title, refusal.text)}`
  if (ci !== 'gitlab') return text
  const [first = '', ...rest] = text.split('\n')
  return rest.length === 0 ? first : `${first}\n${section(title, rest.join('\n'), nowMs)}`
}

/** GitHub's workflow command, escaped as its own toolkit does. */
export function annotation(title: string, text: string): string {
  return `::error title=${escapedProperty(title)}::${escapedData(safeText(text))}`
}

function escapedData(text: string): string {
  return text
    .replaceAll('%', '%25')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A')
    .replaceAll('##[', '## [')
}

function escapedProperty(text: string): string {
  return escapedData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

function section(title: string, text: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000)
  const mark = (what: string, name: string): string =>
    `\u001b[0Ksection_${what}:${seconds}:${name}\r\u001b[0K`
  const name = 'tokenstile_login'
  return `${mark('start', `${name}[collapsed=true]`)}${title}\n${text}\n${mark('end', name)}`
}
