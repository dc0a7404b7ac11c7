/** A real Chromium from the lockfile. Its executable is unpacked once for all test files and runs. */

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sparticuz from '@sparticuz/chromium'
import { chromium, type Browser } from 'playwright-core'

const home = join(tmpdir(), `tokenstile-chromium-${process.getuid?.() ?? 0}`)
const executable = join(home, 'chromium-147.0.0')
const unpackMsMax = 60_000

/** Close it when done. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(executable)) await unpack()
  // Not the package's own arguments: they switch off web security, which would make tests of cookies and CSP worthless.
  const args = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--hide-scrollbars']
  return chromium.launch({ executablePath: executable, args, headless: true })
}

/** Several test files start at once: one unpacks, and the others find a whole file. */
async function unpack(): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const lock = join(home, 'unpacking')
  while (!takeLock(lock)) await new Promise((resolve) => setTimeout(resolve, 100))
  const folder = mkdtempSync(join(home, 'new-'))
  const before = process.env['TMPDIR']
  try {
    if (existsSync(executable)) return
    process.env['TMPDIR'] = folder
    renameSync(await sparticuz.executablePath(), executable)
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(folder, { recursive: true, force: true })
    rmSync(lock, { recursive: true, force: true })
  }
}

function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    // Whoever held it was killed.
    const age = existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0
    if (age > unpackMsMax) rmSync(lock, { recursive: true, force: true })
    return false
  }
}
