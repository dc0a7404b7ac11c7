/** `completion`: what a shell needs to complete our commands; it also puts it where shells look. */

import { readUserFile, writeUserFile } from '../../platform/user-files.ts'
import type { Command } from '../command.ts'
import { completionScript, shells, type Shell } from '../completion-scripts.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { flag } from '../flags.ts'

export const completion: Command = {
  usage: '[options] [bash | zsh | fish]',
  description:
    'Prints the lines that make a shell complete commands and flags. Without a word it is the shell of $SHELL. -install adds them to its start file (~/.bashrc, ~/.zshrc) or its folder (fish), -uninstall takes them out again.',
  examples: [
    { title: 'For this shell alone', line: 'completion bash >lines && . ./lines' },
    { title: 'From now on', line: 'completion -install' },
  ],
  flags: [
    flag.bool('install', 'Add the lines where the shell reads them.'),
    flag.bool('uninstall', 'Take them out again.'),
  ],
  kind: 'local',
  args: [0, 1],
  async run(context) {
    const shell = chooseShell(context)
    const script = completionScript(shell, context.programName)
    const removes = context.flags.bool('uninstall')
    if (!removes && !context.flags.bool('install')) return context.print.line(script.trimEnd())
    const file = startFile(shell, context)
    const before = (await readUserFile(file)) ?? ''
    const has = before.includes(script)
    if (removes && has) await writeUserFile(file, before.replace(script, ''))
    if (!removes && !has) {
      const gap = before === '' || before.endsWith('\n') ? '' : '\n'
      await writeUserFile(file, before + gap + script)
    }
    return context.print.line(
      removes
        ? `${file} has no completion of ${context.programName} any more.`
        : `${file} has it; a new shell completes ${context.programName}.`,
    )
  },
}

function chooseShell(context: CommandContext): Shell {
  const named = context.args[0] ?? context.environment.variables['SHELL']?.split('/').at(-1) ?? ''
  const shell = shells.find((one) => one === named)
  if (shell !== undefined) return shell
  throw new CommandFailure(
    `There are completions for ${shells.join(', ')}. Name one: ${context.programName} completion bash`,
  )
}

function startFile(shell: Shell, { environment, programName }: CommandContext): string {
  const { HOME: home, XDG_CONFIG_HOME: settings } = environment.variables
  if (home === undefined) throw new CommandFailure('There is no home directory (HOME is not set).')
  if (shell === 'fish') {
    return `${settings ?? `${home}/.config`}/fish/completions/${programName}.fish`
  }
  return `${home}/${shell === 'bash' ? '.bashrc' : '.zshrc'}`
}
