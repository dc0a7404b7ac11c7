/** The lines that make a shell ask us what can come next. */

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
