/** What a newcomer does first: `npm start`, then the page, then `npm run login`, in a real browser with the practice provider. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { openBrowser } from '../harness/browser.ts'
import { root } from '../harness/checkout.ts'

const waitMsMax = 30_000
let folder = ''
let address = ''
let program: ChildProcessByStdio<null, Readable, Readable>
let browser: Browser

function start(script: string, words: readonly string[]) {
  return spawn(process.execPath, [join(root, 'scripts', script), ...words], {
    cwd: folder,
    env: { ...process.env, HOME: folder, DISPLAY: '', WAYLAND_DISPLAY: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function waitFor(stream: Readable, wanted: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`not seen: ${wanted}\n${text}`)), waitMsMax)
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = wanted.exec(text)
      if (found === null) return
      clearTimeout(timer)
      resolve(found)
    })
  })
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-first-'))
  program = start('start.mjs', ['--memory', '--port', '0', '--idp-port', '0'])
  const [, found = ''] = await waitFor(program.stdout, /Open +(http:\S+)\/ui\//)
  address = found
  browser = await openBrowser()
})

after(async () => {
  await browser.close()
  const ended = new Promise((resolve) => program.once('exit', resolve))
  program.kill('SIGINT')
  await ended
  rmSync(folder, { recursive: true, force: true })
})

test('the printed page signs alice in and shows who she is and what she may do', async () => {
  const page = await browser.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(`${address}/ui/`)
  await page.click('text=Continue with Demo IdP')
  await page.click('text=Alice Example')
  await page.waitForURL(`${address}/ui/`)
  const text = await page.innerText('body')
  assert.match(text, /alice@example\.com/)
  assert.match(text, /reader/)
  assert.match(text, /secret\/data\/demo/)
  await page.close()
})

test('npm run login does the same in a terminal', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const login = start('login.mjs', ['--server', address, `port=${port}`])
  let out = ''
  login.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => login.once('exit', resolve))
  const [, authUrl = ''] = await waitFor(login.stderr, /\n {4}(http:\S+)\n[\s\S]*Waiting/)
  const page = await browser.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(authUrl)
  await page.click('text=Bob Example')
  await page.waitForURL(`http://localhost:${port}/**`)
  assert.match(await page.innerText('body'), /You are signed in/)
  await page.close()
  assert.equal(await ended, 0)
  assert.match(out, /^policies +default, reader$/m)
})
