/**
 * Opens an address in the person's own browser (jwt-oidc.md §7.2, step 6). The address comes from
 * others, so it is one argument of a program and no shell reads it (CWE-78): never cmd.exe, to
 * which `|`, `^` and `%NAME%` are syntax, and only an address without any such character.
 */

import { spawn } from 'node:child_process'
import { platform } from 'node:os'
import { posix, win32 } from 'node:path'
import { isPlainWebAddress } from '../lib/web-address.ts'

type Variables = Readonly<Record<string, string | undefined>>

export interface Desktop {
  /** Kind of the operating system; this one's when absent. */
  readonly system?: NodeJS.Platform | undefined
  readonly variables: Variables
}

/** A program and its arguments. */
type Opener = readonly [program: string, ...args: readonly string[]]

/** `$BROWSER` names one or two; nobody tries more. */
const openersMax = 8

/** True when a program was started for it; what becomes of it nobody waits for. */
export async function openInBrowser(url: string, desktop: Desktop): Promise<boolean> {
  if (!isPlainWebAddress(url)) return false
  for (const opener of openersOf(url, desktop).slice(0, openersMax)) {
    if (await start(opener, desktop.variables)) return true
  }
  return false
}

/** What may open it, the first that can be started does; none where there is no screen. */
function openersOf(url: string, { system = platform(), variables }: Desktop): readonly Opener[] {
  return [...chosenOpeners(url, system, variables), ...systemOpeners(url, system, variables)]
}

/**
 * `$BROWSER` as xdg-open reads it: commands apart by colons, words apart by blanks, `%s` the place
 * of the address, which otherwise comes last. Editors on another machine set it to reach the
 * person's own browser.
 */
function chosenOpeners(
  url: string,
  system: NodeJS.Platform,
  variables: Variables,
): readonly Opener[] {
  // A Windows path has colons itself.
  const delimiter = system === 'win32' ? win32.delimiter : posix.delimiter
  return (variables['BROWSER'] ?? '').split(delimiter).flatMap((command) => {
    const [program, ...args] = command.split(/[ \t\n]/).filter((word) => word !== '')
    if (program === undefined) return []
    if (!command.includes('%s')) return [[program, ...args, url] as const]
    return [[program, ...args.map((word) => word.replaceAll('%s', () => url))] as const]
  })
}

function systemOpeners(
  url: string,
  system: NodeJS.Platform,
  variables: Variables,
): readonly Opener[] {
  if (system === 'darwin') return [['open', url]]
  if (system === 'win32') return [[rundll(variables), 'url.dll,FileProtocolHandler', url]]
  const isInWindows = isSet(variables['WSL_DISTRO_NAME']) || isSet(variables['WSL_INTEROP'])
  if (isInWindows) return ['wslview', 'explorer.exe'].map((program) => [program, url] as const)
  const hasScreen = isSet(variables['DISPLAY']) || isSet(variables['WAYLAND_DISPLAY'])
  return hasScreen ? [['xdg-open', url]] : []
}

/** By its full path where that is known: a bare name is looked for in the current folder first. */
function rundll(variables: Variables): string {
  const folder = variables['SystemRoot']
  return isSet(folder) ? win32.join(folder, 'System32', 'rundll32.exe') : 'rundll32'
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== ''
}

function start([program, ...args]: Opener, variables: Variables): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const child = spawn(program, args, {
        stdio: 'ignore',
        detached: true,
        shell: false,
        env: variables,
      })
      child.once('error', () => resolve(false))
      child.once('spawn', () => {
        child.unref()
        resolve(true)
      })
    } catch {
      // Node refuses to start a batch file without a shell at once, and so do we.
      resolve(false)
    }
  })
}
