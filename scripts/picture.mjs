/**
 * The pictures of the README, from the real thing: the server of `npm start`, its pages in a Chromium, and what the command
 * line prints. `--check` writes nothing and fails when the terminals in docs/assets/ show something else than it prints now.
 */

import './lib/node-version.mjs'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, ensureInstalled, stop } from './lib/prepare.mjs'
import { root } from './lib/run-program.mjs'
import { terminalSvg } from './lib/terminal-svg.mjs'

const assets = join(root, 'docs', 'assets')
const pngBytesMax = 150_000
/** The same for the parts and the whole: nothing is scaled, so letters stay sharp and files small. */
const deviceScaleFactor = 1.5
const shown = { server: 'http://127.0.0.1:8200', idp: 'http://127.0.0.1:8210' }
const tourHeading = '### Refused, explained, mended: four commands'
const practiceAudience = { lost: 'https://github.com/acme', right: undefined }

const load = (path) => import(pathToFileURL(join(root, path)).href)

await ensureInstalled()
await ensureBuilt()
const isCheck = process.argv.includes('--check')
const home = mkdtempSync(join(tmpdir(), 'tokenstile-picture-'))
const place = await startTryOut()
try {
  const terminals = await recordTerminals()
  if (isCheck) check(terminals)
  else {
    mkdirSync(assets, { recursive: true })
    for (const [name, svg] of Object.entries(terminals)) writeFileSync(join(assets, name), svg)
    await takePictures()
  }
} finally {
  place.child.kill('SIGTERM')
  rmSync(home, { recursive: true, force: true })
}

/** What `npm start` runs, in memory and on free ports. */
async function startTryOut() {
  const entry = JSON.stringify(pathToFileURL(join(root, 'dist/try-out.js')).href)
  const script = `
    const { runTryOut } = await import(${entry})
    const write = (text) => process.stdout.write(text)
    const words = ['--port', '0', '--idp-port', '0', '--memory', '-o', 'json']
    process.exitCode = await runTryOut(words, { write, writeError: write })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const line = await new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve(text)
    })
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${text}`)))
  })
  const facts = JSON.parse(line)
  const [idp] = /^http:\S+/.exec(facts['demo IdP'])
  return { child, server: facts.address, idp }
}

async function recordTerminals() {
  const tour = []
  const lost = await mint(practiceAudience.lost)
  let token
  for (const line of tourLines()) {
    if (line === 'export VAULT_TOKEN=root') token = 'root'
    const command = line.replace(/^unset VAULT_TOKEN && /, '').replace(/ \|\| true$/, '')
    if (line.startsWith('unset')) token = undefined
    if (!command.startsWith('tokenstile ')) continue
    const output = await run(command, { LOST: lost, VAULT_ADDR: place.server }, token)
    tour.push({ command, output: withoutCheckList(output) })
  }
  const command = 'tokenstile login -method=jwt role=ci-demo jwt="$JWT"'
  const output = await run(command, { JWT: await mint(place.server) })
  return {
    'tour.svg': terminalSvg({
      title: 'Refused, explained, mended',
      steps: tour,
      isMoving: true,
    }),
    'login.svg': terminalSvg({ title: 'A CI job logs in', steps: [{ command, output }] }),
  }
}

/** The lines of the README's own tour, so that the recording shows what the reader can type. */
function tourLines() {
  const [, after = ''] = readFileSync(join(root, 'README.md'), 'utf8').split(tourHeading)
  const [, block = ''] = /^```sh test\n(.*?)^```$/ms.exec(after) ?? []
  return block.split('\n')
}

/** The list of the checks that passed is long; three dots stand for it. */
function withoutCheckList(output) {
  return output.replace(/^1-\d+ +ok[^]*?\n\n/m, '  …\n\n')
}

async function mint(audience) {
  const answer = await fetch(`${place.idp}/mint`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ template: 'github_immutable', audience }),
  })
  const [token] = Object.values(await answer.json())
  return token
}

/** What the command prints at a terminal; what differs from run to run is made the same. */
async function run(command, variables, token) {
  const { runCli } = await load('dist/cli.js')
  const words = [...command.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll('"', '').replace(/\$(\w+)/g, (_, name) => variables[name]),
  )
  let text = ''
  const terminal = { isTTY: true, write: (chunk) => (text += chunk) }
  await runCli({
    argv: words.slice(1),
    programName: 'tokenstile',
    env: { HOME: home, VAULT_ADDR: place.server, VAULT_TOKEN: token },
    stdin: (async function* () {})(),
    stdout: terminal,
    stderr: terminal,
    runServer: () => Promise.resolve(0),
  })
  return text
    .replaceAll(place.server, shown.server)
    .replaceAll(place.idp, shown.idp)
    .replaceAll(home, '~')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, sameId)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '2026-12-01T09:30:00Z')
    .replaceAll(/\b14m5\ds\b/g, '15m')
}

function sameId() {
  return '4f6c2a10-7b1e-4c52-9d0a-2e8f5b63a7c1'
}

function check(terminals) {
  const stale = Object.entries(terminals).filter(
    ([name, svg]) => readFileSync(join(assets, name), 'utf8') !== svg,
  )
  if (stale.length === 0) return
  const names = stale.map(([name]) => `docs/assets/${name}`).join(' and ')
  place.child.kill('SIGTERM')
  stop(`${names} shows what is printed no more: npm run pictures`)
}

/** The sign-in page and the page after it, side by side; light and dark. */
async function takePictures() {
  const { openBrowser } = await load('build/test/harness/browser.js')
  const browser = await openBrowser()
  try {
    for (const scheme of ['light', 'dark']) {
      const png = await compose(browser, scheme, await takePages(browser, scheme))
      if (png.length > pngBytesMax) throw new Error(`${scheme}: ${png.length} bytes`)
      writeFileSync(join(assets, `first-look-${scheme}.png`), png)
      console.log(`first-look-${scheme}.png  ${png.length} bytes`)
    }
  } finally {
    await browser.close()
  }
}

async function takePages(browser, colorScheme) {
  const viewport = { width: 460, height: 508 }
  const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor })
  const page = await context.newPage()
  await page.goto(`${place.server}/ui/`)
  const signIn = await screenshot(page)
  await page.getByText('Continue with', { exact: false }).first().click()
  await page.getByText('Alice Example').first().click()
  await page.waitForURL(`${place.server}/ui/**`)
  const whoAmI = await screenshot(page)
  await context.close()
  return [signIn, whoAmI]
}

/** With the addresses and the time that the README names. */
async function screenshot(page) {
  const names = [place.server, place.idp].map((url, at) => [
    new URL(url).host,
    new URL(Object.values(shown)[at]).host,
  ])
  await page.evaluate((pairs) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      for (const [from, to] of pairs) {
        walker.currentNode.data = walker.currentNode.data
          .replaceAll(from, to)
          .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, '2026-12-01 10:30:00')
      }
    }
  }, names)
  return page.screenshot()
}

async function compose(browser, scheme, pages) {
  const context = await browser.newContext({
    viewport: { width: 960, height: 100 },
    deviceScaleFactor,
  })
  const page = await context.newPage()
  const line = scheme === 'light' ? '#d0d7de' : '#3d444d'
  const back = scheme === 'light' ? '#fff' : '#0d1117'
  const images = pages.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`)
  await page.setContent(`<style>
    body { margin: 0; padding: 8px; background: ${back}; display: grid; grid-template-columns: 1fr 1fr; gap: 20px }
    img { width: 460px; border-radius: 10px; border: 1px solid ${line} }
  </style>${images.join('')}`)
  const png = await page.screenshot({ fullPage: true })
  await context.close()
  return png
}
