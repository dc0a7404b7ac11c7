/** How `login -method=oidc` opens an address, on four kinds of systems, with stand-ins for their programs. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { freePort } from '../harness/free-port.ts'
import { envelope, loginAuth, withServer, type RunResult } from './cli-run.ts'
import { StandIns } from './stand-ins.ts'

type Variables = Readonly<Record<string, string>>

interface Computer {
  readonly system: NodeJS.Platform
  readonly variables: Variables
  readonly programs: readonly string[]
  /** What is started; the address stands in the place of `URL`. */
  readonly opens: readonly string[]
}

const windows = ['cmd.exe', 'rundll32', 'explorer.exe', 'powershell.exe']
const wsl = { WSL_DISTRO_NAME: 'Ubuntu', DISPLAY: ':0' }

const computers: Readonly<Record<string, Computer>> = {
  Linux: {
    system: 'linux',
    variables: { DISPLAY: ':0' },
    programs: ['xdg-open'],
    opens: ['xdg-open', 'URL'],
  },
  'Linux under Wayland': {
    system: 'linux',
    variables: { WAYLAND_DISPLAY: 'wayland-0' },
    programs: ['xdg-open'],
    opens: ['xdg-open', 'URL'],
  },
  macOS: { system: 'darwin', variables: {}, programs: ['open'], opens: ['open', 'URL'] },
  Windows: {
    system: 'win32',
    variables: {},
    programs: windows,
    opens: ['rundll32', 'url.dll,FileProtocolHandler', 'URL'],
  },
  'WSL with wslview': {
    system: 'linux',
    variables: wsl,
    programs: [...windows, 'wslview', 'xdg-open'],
    opens: ['wslview', 'URL'],
  },
  'WSL without wslview': {
    system: 'linux',
    variables: wsl,
    programs: [...windows, 'xdg-open'],
    opens: ['explorer.exe', 'URL'],
  },
  'a remote editor that sets BROWSER': {
    system: 'linux',
    variables: { BROWSER: 'helper.sh --new-window', DISPLAY: ':0' },
    programs: ['helper.sh', 'xdg-open'],
    opens: ['helper.sh', '--new-window', 'URL'],
  },
  'BROWSER with a place for the address': {
    system: 'darwin',
    variables: { BROWSER: 'absent %s:helper.sh --url %s --end' },
    programs: ['helper.sh', 'open'],
    opens: ['helper.sh', '--url', 'URL', '--end'],
  },
  'BROWSER that is a program which is not there': {
    system: 'linux',
    variables: { BROWSER: 'absent', DISPLAY: ':0' },
    programs: ['xdg-open'],
    opens: ['xdg-open', 'URL'],
  },
  'BROWSER on Windows': {
    system: 'win32',
    variables: { BROWSER: 'absent;helper --new' },
    programs: [...windows, 'helper'],
    opens: ['helper', '--new', 'URL'],
  },
}

const all: StandIns[] = []
after(() => {
  for (const one of all) one.remove()
})

function standIns(names: readonly string[]): StandIns {
  const made = new StandIns(names)
  all.push(made)
  return made
}

interface Sign {
  readonly result: RunResult
  readonly url: string
  readonly started: StandIns['started']
}

/** A login at a server that gives an address with `end` at its end. */
async function signIn(computer: Computer, end: string, words: readonly string[]): Promise<Sign> {
  const programs = standIns(computer.programs)
  const port = await freePort()
  const back = encodeURIComponent(`http://localhost:${port}/oidc/callback`)
  const url = `https://idp.example/authorize?state=st_1&redirect_uri=${back}${end}`
  let sign: Sign | undefined
  const answers = {
    'PUT /v1/auth/oidc/oidc/auth_url': { body: envelope({ data: { auth_url: url } }) },
    'GET /v1/auth/oidc/oidc/callback': { body: envelope({ auth: loginAuth }) },
  }
  await withServer(answers, async (server) => {
    const line = ['login', '-method=oidc', '-no-store', `port=${port}`, ...words]
    const env = { PATH: programs.folder, VAULT_TOKEN_CANARY: 'canary', ...computer.variables }
    const result = await server.run(line, { env, system: computer.system })
    sign = { result, url, started: programs.started }
  })
  assert.ok(sign !== undefined)
  return sign
}

for (const [name, computer] of Object.entries(computers)) {
  test(`${name}: the address is one argument of ${computer.opens[0]} (SEC-CLI-04, SEC-CLI-10)`, async () => {
    // The longest address that is opened, and every mark that one may have.
    const rest = `&a=b+c~d;e,f@g:/?h%20%7C#${'i'.repeat(7000)}`
    const { result, url, started } = await signIn(computer, rest, [])
    assert.equal(result.code, 0, result.err)
    assert.deepEqual(started, [computer.opens.map((word) => (word === 'URL' ? url : word))])
    assert.match(result.err, /Launching browser to/)
  })
}

const odd = [
  '|calc.exe',
  '^&y=1',
  '%VAULT_TOKEN_CANARY%',
  '%4',
  '"&calc.exe',
  "'",
  ' --version',
  '`id`',
  '$(id)',
  '!x',
  '(x)',
  '<x>',
  '\n-x',
  '\u001b[2J',
  'x'.repeat(9000),
]

for (const name of ['Linux', 'macOS', 'Windows', 'WSL with wslview', 'WSL without wslview']) {
  test(`${name}: an odd address is printed and opened by nothing (SEC-CLI-04, SEC-CLI-10)`, async () => {
    const computer = computers[name]
    assert.ok(computer !== undefined)
    for (const end of odd) {
      const variables = { ...computer.variables, BROWSER: 'helper.sh' }
      const programs = [...computer.programs, 'helper.sh']
      const { result, started } = await signIn({ ...computer, variables, programs }, end, [
        'abort_on_error=true',
      ])
      assert.equal(result.code, 2, end)
      assert.match(result.err, /characters that do not belong into one, so it is not opened/)
      assert.deepEqual(started, [], end)
      assert.ok(!result.err.includes('canary'))
    }
  })
}

test('in device mode an address is printed and never opened, whatever its origin (SEC-OID-23)', async () => {
  const programs = standIns(['xdg-open', 'helper.sh'])
  for (const host of ['phish.example', '127.0.0.1']) {
    const url = `http://${host}/activate?state=st_1`
    const data = { auth_url: url, state: 'st_1', poll_interval: '1', user_code: 'WDJB-MJHT' }
    const answers = {
      'PUT /v1/auth/oidc/oidc/auth_url': { body: envelope({ data }) },
      'PUT /v1/auth/oidc/oidc/poll': { body: envelope({ auth: loginAuth }) },
    }
    await withServer(answers, async (server) => {
      const words = ['login', '-method=oidc', '-no-store', 'callbackmode=device']
      const env = { PATH: programs.folder, DISPLAY: ':0', BROWSER: 'helper.sh' }
      const result = await server.run([...words, 'abort_on_error=true'], { env, system: 'linux' })
      assert.equal(result.code, 0, result.err)
      assert.ok(result.err.includes(`\n\n    ${url}\n\n`))
      assert.match(result.err, /Open the following link in your browser/)
    })
  }
  assert.deepEqual(programs.started, [])
})
