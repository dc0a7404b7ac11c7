/** Opens an address in the person's own browser. */

import { spawn } from 'node:child_process'
import { platform } from 'node:os'

type Variables = Readonly<Record<string, string | undefined>>

/**
 * True when a program was started for it; what becomes of it nobody waits for. No shell sees the address, and only a web address
 * is opened at all (security case SEC-CLI-04).
 */
export function openInBrowser(url: string, variables: Variables): Promise<boolean> {
  const [program, ...args] = openerOf(url, variables)
  if (program === undefined) return Promise.resolve(false)
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', detached: true, env: variables })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}

/** The program and its arguments; empty when there is no screen to open anything on. */
function openerOf(url: string, variables: Variables): readonly string[] {
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) return []
  const { href } = new URL(url)
  const system = platform()
  if (system === 'darwin') return ['open', href]
  if (system === 'win32' || variables['WSL_DISTRO_NAME'] !== undefined) {
    // cmd.exe takes "&" for the end of a command.
    return ['cmd.exe', '/c', 'start', href.replaceAll('&', '^&')]
  }
  const hasScreen = [variables['DISPLAY'], variables['WAYLAND_DISPLAY']].some(
    (text) => text !== undefined && text !== '',
  )
  return hasScreen ? ['xdg-open', href] : []
}
