/** Help texts, generated from what the commands declare. */

import { product } from '../lib/product.ts'
import type { Command, CommandEntry } from './command.ts'
import type { FlagSpec } from './flags.ts'
import { connectionFlags, flagsOf, formatFlags } from './shared-flags.ts'

const widthMax = 80
const variableNote =
  'A flag beats its variable. Variables are also read as BAO_… and VAULT_…, in this order.'

export function commandHelp(programName: string, name: string, command: Command): string {
  const shared = [...connectionFlags, ...formatFlags]
  const own = flagsOf(command).filter((flag) => !shared.includes(flag))
  const examples = command.examples.flatMap((example) => [
    `  ${example.title}:`,
    '',
    `      $ ${programName} ${example.line}`,
    '',
  ])
  return [
    `Usage: ${programName} ${name} ${command.usage ?? '[options]'}`.trimEnd(),
    '',
    ...wrap(command.description, '  '),
    '',
    'Examples:',
    '',
    ...examples,
    ...flagSection('Flags:', own),
    ...(command.output === undefined ? [] : flagSection('Output flags:', formatFlags)),
    ...(command.kind === 'local'
      ? []
      : [...flagSection('Connection flags:', connectionFlags), variableNote]),
  ]
    .join('\n')
    .trimEnd()
}

/** The commands of a group, or all of them when the group is empty. */
export function groupHelp(
  programName: string,
  group: string,
  entries: readonly CommandEntry[],
): string {
  const prefix = group === '' ? '' : `${group} `
  const within = entries.filter((entry) => entry.name.startsWith(prefix))
  const rows = new Map<string, string>()
  for (const entry of within) {
    const [word = '', ...deeper] = entry.name.slice(prefix.length).split(' ')
    if (deeper.length === 0) rows.set(word, entry.summary)
    else if (!rows.has(word)) rows.set(word, `Commands: ${subcommands(within, prefix + word)}`)
  }
  const width = Math.max(...[...rows.keys()].map((word) => word.length)) + 4
  const usage = group === '' ? '<command> [args]' : `${group} <subcommand> [options] [args]`
  return [
    `Usage: ${programName} ${usage}`,
    '',
    ...(group === ''
      ? [
          `  ${product.name} ${product.version}: trade a JWT or a browser sign-in for a scoped token.`,
          '',
        ]
      : []),
    group === '' ? 'Commands:' : 'Subcommands:',
    ...[...rows].map(([word, summary]) => `    ${word.padEnd(width)}${summary}`),
    '',
    `Run "${programName} ${prefix}${group === '' ? '<command>' : '<subcommand>'} -h" for the flags and examples of one.`,
  ].join('\n')
}

function subcommands(entries: readonly CommandEntry[], group: string): string {
  const names = entries
    .filter((entry) => entry.name.startsWith(`${group} `))
    .map((entry) => entry.name.slice(group.length + 1).split(' ')[0] ?? '')
  return [...new Set(names)].join(', ')
}

function flagSection(title: string, flags: readonly FlagSpec[]): string[] {
  const shown = flags.filter((flag) => flag.hidden !== true)
  if (shown.length === 0) return []
  return [
    title,
    '',
    ...shown.flatMap((flag) => [`  ${flagLine(flag)}`, ...wrap(flagText(flag), '      '), '']),
  ]
}

function flagLine(flag: FlagSpec): string {
  const value = {
    bool: '',
    text: '=<text>',
    int: '=<number>',
    duration: '=<duration>',
    list: '=<text>',
    pairs: '=<name=value>',
  }
  const aliases = (flag.aliases ?? []).map((alias) => `, -${alias}`).join('')
  return `-${flag.name}${value[flag.kind]}${aliases}`
}

function flagText(flag: FlagSpec): string {
  const standard = flag.defaultText === undefined ? '' : ` Default: ${flag.defaultText}.`
  const variable = flag.env === undefined ? '' : ` Variable: TOKENSTILE_${flag.env}.`
  return flag.help + standard + variable
}

export function wrap(text: string, indent: string): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = indent
    for (const word of paragraph.split(' ')) {
      if (line.length + word.length > widthMax && line !== indent) {
        lines.push(line.trimEnd())
        line = indent
      }
      line += `${word} `
    }
    return [...lines, line.trimEnd()]
  })
}
