/**
 * What can come next on a command line: names of commands, flags of one. The shells ask the program
 * itself, with the line in COMP_LINE, as Vault's do; so there is one list and it is never stale.
 */

import { commandTable } from './command-table.ts'
import { flagsOf } from './shared-flags.ts'

const lineLengthMax = 4096

/** The words that the last, unfinished word of the line may become. */
export async function completionsOf(line: string): Promise<readonly string[]> {
  const words = line.slice(0, lineLengthMax).split(/[ \t]/u)
  const typed = words.at(-1) ?? ''
  const before = words.slice(1, -1).filter((word) => word !== '' && !word.startsWith('-'))
  return (typed.startsWith('-') ? await flagNames(before) : nextNames(before)).filter((word) =>
    word.startsWith(typed),
  )
}

/** The names that go on from these: `kv` from nothing, `get` from `kv`. */
function nextNames(before: readonly string[]): readonly string[] {
  const prefix = before.map((word) => `${word} `).join('')
  const names = commandTable
    .filter((entry) => entry.name.startsWith(prefix))
    .map((entry) => entry.name.slice(prefix.length).split(' ')[0] ?? '')
  return [...new Set(names)].sort()
}

async function flagNames(before: readonly string[]): Promise<readonly string[]> {
  for (const count of [3, 2, 1]) {
    const name = before.slice(0, count).join(' ')
    const entry = commandTable.find((candidate) => candidate.name === name)
    if (entry === undefined) continue
    const flags = flagsOf(await entry.load()).filter((flag) => flag.hidden !== true)
    return flags.map((flag) => `-${flag.name}`).sort()
  }
  return []
}

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** Lines for the shell's start file, or for a folder of completions. */
export function completionScript(shell: Shell, programName: string): string {
  const name = programName
  switch (shell) {
    case 'bash':
      return `complete -o default -C ${name} ${name}\n`
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\ncomplete -o default -C ${name} ${name}\n`
    case 'fish':
      return `complete -c ${name} -f -a '(COMP_LINE=(commandline -cp) ${name})'\n`
  }
}
