/** A real Chromium from the lockfile. Its executable is unpacked once for all test files and runs. */

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sparticuz from '@sparticuz/chromium'
import { chromium, type Browser } from 'playwright-core'

const home = join(tmpdir(), `tokenstile-chromium-${process.getuid?.() ?? 0}`)
const executable = join(home, 'chromium-147.0.0')
/** Shared libraries that come with the package, for machines that lack them. */
const libraries = join(home, 'al2023', 'lib')
const unpackMsMax = 60_000

/** Close it when done. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(executable)) await unpack()
  // Not the package's own arguments: they switch off web security, which would make tests of cookies and CSP worthless.
  const args = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--hide-scrollbars']
  const options = { executablePath: executable, args, headless: true }
  return chromium.launch(options).catch(() =>
    // A bare machine may have neither NSS nor expat.
    chromium.launch({ ...options, env: { ...process.env, LD_LIBRARY_PATH: libraries } }),
  )
}

/** Several test files start at once: one unpacks, and the others find a whole file. */
async function unpack(): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const lock = join(home, 'unpacking')
  while (!takeLock(lock)) await new Promise((resolve) => setTimeout(resolve, 100))
  const folder = mkdtempSync(join(home, 'new-'))
  // The package unpacks into the temporary folder, and its libraries only where it believes to be in that cloud.
  const wanted = { TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' }
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const)
  try {
    if (existsSync(executable)) return
    Object.assign(process.env, wanted)
    const path = await sparticuz.executablePath()
    rmSync(join(home, 'al2023'), { recursive: true, force: true })
    renameSync(join(folder, 'al2023'), join(home, 'al2023'))
    renameSync(path, executable)
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
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
