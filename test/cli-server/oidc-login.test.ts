/** `login -method=oidc` against a real server and a real provider: client, direct and device mode, and what goes wrong. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { freePort } from '../harness/free-port.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { withServer, type Answers, type RunOptions, type RunResult } from '../cli/cli-run.ts'
import { textOf } from '../ui/visitor.ts'
import { Shell } from './fixture.ts'

let shell: Shell
let idp: ScriptedProvider
const hasBoth = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1')
const needsBoth = { skip: hasBoth ? false : 'this machine has no ::1' }
const quiet = { env: { VAULT_TOKEN: undefined } }

before(async () => {
  idp = await new ScriptedProvider().start()
  shell = await Shell.start()
  const { root } = shell.server
  await root.must('sys/auth/oidc', { type: 'oidc' })
  await root.must('auth/oidc/config', config())
  await role('people', {})
  await role('direct', {
    callback_mode: 'direct',
    poll_interval: 1,
    allowed_redirect_uris: [`${shell.address}/v1/auth/oidc/oidc/callback`],
  })
  await role('device', { callback_mode: 'device', poll_interval: 1 })
})

after(async () => {
  await shell.stop()
  await idp.stop()
})

function config(more: object = {}): object {
  return {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: 'ES256',
    default_role: 'people',
    ...more,
  }
}

async function role(name: string, more: object): Promise<void> {
  await shell.server.root.must(`auth/oidc/role/${name}`, {
    user_claim: 'sub',
    token_policies: 'ci',
    allowed_redirect_uris: ['http://localhost:8250/oidc/callback'],
    ...more,
  })
}

async function listenAt(address: string, port: number): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  return server
}

/** Runs a login; the person gets the address as soon as it is printed. */
async function login(
  words: readonly string[],
  person: (authUrl: string) => Promise<unknown>,
  options: RunOptions = {},
): Promise<RunResult> {
  let visited: Promise<unknown> = Promise.resolve()
  let text = ''
  const result = await shell.run(['login', '-method=oidc', ...words], {
    ...quiet,
    ...options,
    onStderr: (more) => {
      text += more
      const authUrl = /\n {4}(http:\S+)\n/.exec(text)?.[1]
      if (authUrl === undefined || !text.includes('Waiting for OIDC')) return
      text = ''
      visited = person(authUrl)
    },
  })
  await visited
  return result
}

interface Page {
  readonly status: number
  readonly text: string
  readonly type: string
  readonly location: string | undefined
}

/** As a browser: the page that an answer sends on to counts. */
async function visit(
  url: string,
  form?: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const page = await ask(url, form, headers)
  return page.location === undefined ? page : ask(new URL(page.location, url).href)
}

function ask(
  url: string,
  form?: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Page> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method: form === undefined ? 'GET' : 'POST', agent: false, headers },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            type: response.headers['content-type'] ?? '',
            location: response.headers.location,
          }),
        )
      },
    )
    request.on('error', reject)
    request.end(form === undefined ? undefined : new URLSearchParams(form).toString())
  })
}

function listenerOf(authUrl: string): string {
  return new URL(authUrl).searchParams.get('redirect_uri') ?? ''
}

test('CLI-006, CLI-007, CLI-023, SEC-CLI-03: the browser comes back to this machine, and the token is kept', async () => {
  const port = await freePort()
  let page: Page | undefined
  const result = await login(['role=people', `port=${port}`, 'skip_browser=true'], async (url) => {
    assert.equal(listenerOf(url), `http://localhost:${port}/oidc/callback`)
    const { code, state } = idp.authorize(url)
    page = await visit(`${listenerOf(url)}?code=${code}&state=${state}&iss=${idp.issuer}`)
  })
  assert.deepEqual([result.code, page?.status], [0, 200], result.err)
  assert.match(page?.type ?? '', /^text\/html/)
  assert.match(result.err, /\n\n {4}http:\/\/127\.0\.0\.1:\d+\/authorize\?.*\n\n/)
  assert.match(result.err, /Open the following link in your browser/)
  assert.match(result.out, /^token_policies +\["ci" "default"\]$/m)
  assert.match(readFileSync(shell.tokenFile, 'utf8'), /^hvs\./)
  const [start, finish] = shell.taken()
  const body = JSON.parse(start?.body ?? '{}')
  assert.match(body.client_nonce, /^[0-9A-Za-z]{20}$/)
  assert.equal(start?.token, undefined)
  assert.match(finish?.line ?? '', /^GET \/v1\/auth\/oidc\/oidc\/callback\?state=.*&client_nonce=/)
})

test('CLI-023: with -field and -no-store nothing but the token is on standard output', async () => {
  const port = await freePort()
  const flags = ['-no-store', '-field=token', `port=${port}`, 'skip_browser=true', 'show_qr=true']
  const result = await login(flags, async (url) => {
    const { code, state } = idp.authorize(url)
    await visit(`${listenerOf(url)}?code=${code}&state=${state}`)
  })
  assert.equal(result.code, 0, result.err)
  assert.match(result.out, /^hvs\.\w+\n?$/)
  assert.match(result.err, /[▀▄█]{20}/u)
})

test('CLI-020: a posted answer is posted on, then fetched without its ID token', async () => {
  const { root } = shell.server
  await root.must(
    'auth/oidc/config',
    config({ oidc_response_mode: 'form_post', oidc_response_types: 'id_token' }),
  )
  const port = await freePort()
  let page: Page | undefined
  const result = await login([`port=${port}`, 'skip_browser=1'], async (url) => {
    const query = new URL(url).searchParams
    const id_token = idp.mint(query.get('nonce') ?? '')
    page = await visit(listenerOf(url), { state: query.get('state') ?? '', id_token })
  })
  assert.deepEqual([result.code, page?.status], [0, 200], result.err)
  const [, post, get] = shell.taken()
  assert.match(post?.line ?? '', /^POST .*\/oidc\/callback$/)
  assert.match(get?.line ?? '', /^GET .*\/oidc\/callback\?state=/)
  assert.ok(!(get?.line ?? '').includes('id_token'))
  await root.must('auth/oidc/config', config())
})

test('a posted code is posted on with the nonce, and named to nobody again', async () => {
  const { root } = shell.server
  await root.must('auth/oidc/config', config({ oidc_response_mode: 'form_post' }))
  const port = await freePort()
  const result = await login([`port=${port}`, 'skip_browser=1'], async (url) => {
    await visit(listenerOf(url), { ...idp.authorize(url), iss: idp.issuer })
  })
  assert.equal(result.code, 0, result.err)
  const [start, post, get] = shell.taken()
  const nonce = JSON.parse(start?.body ?? '{}').client_nonce
  const { state, code, client_nonce } = JSON.parse(post?.body ?? '{}')
  assert.equal(client_nonce, nonce)
  assert.ok(code !== '' && !(get?.line ?? '').includes('code'), get?.line)
  const query = new URLSearchParams({ state, client_nonce }).toString()
  assert.equal(get?.line, `GET /v1/auth/oidc/oidc/callback?${query}`)
  await root.must('auth/oidc/config', config())
})

test('a page of something in between ends a posted sign-in with its status', async () => {
  const port = await freePort()
  const callback = 'POST /v1/auth/oidc/oidc/callback'
  const back = encodeURIComponent(`http://localhost:${port}/oidc/callback`)
  const auth_url = `http://idp.test/?state=st_1&redirect_uri=${back}`
  const answers = {
    [authUrl]: { body: { data: { auth_url } } },
    [callback]: { status: 502, text: '<html>Bad gateway</html>' },
  }
  await withServer(answers, async (server) => {
    const words = ['login', '-method=oidc', '-no-store', `port=${port}`, 'skip_browser=1']
    let visited: Promise<unknown> | undefined
    const result = await server.run(words, {
      onStderr: (text) => {
        if (!text.includes('Waiting for OIDC')) return
        visited = visit(`http://localhost:${port}/oidc/callback`, { state: 'st_1', code: 'c' })
      },
    })
    await visited
    assert.equal(result.code, 2)
    assert.match(result.err, /answered 502 with a page instead of JSON/)
    assert.ok(!server.lines.some((line) => line.startsWith('GET')))
  })
})

test('the address that stays in the browser has neither code nor state, also when it failed (SEC-WEB-13)', async () => {
  for (const answer of ['code', 'error']) {
    const port = await freePort()
    let sent: Page | undefined
    let shown: Page | undefined
    const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
      const { code, state } = idp.authorize(url)
      const said = answer === 'code' ? `code=${code}` : 'error=access_denied'
      sent = await ask(`${listenerOf(url)}?state=${state}&${said}`)
      shown = await ask(new URL(sent.location ?? '', listenerOf(url)).href)
    })
    assert.deepEqual([sent?.status, sent?.location, sent?.text], [303, '/oidc/callback', ''])
    assert.equal(shown?.status, answer === 'code' ? 200 : 400)
    assert.match(shown?.text ?? '', answer === 'code' ? /Signed in/i : /access_denied/)
    assert.equal(result.code, answer === 'code' ? 0 : 2)
  }
})

test('a browser that does not ask for the page holds the program up for two seconds only', async () => {
  const port = await freePort()
  const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
    const { code, state } = idp.authorize(url)
    await ask(`${listenerOf(url)}?code=${code}&state=${state}`)
  })
  assert.equal(result.code, 0, result.err)
})

test('a parameter that comes twice changes nothing; body values win over the query (SEC-OID-05)', async () => {
  const port = await freePort()
  const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
    const { code, state } = idp.authorize(url)
    const at = listenerOf(url)
    const twice = [
      `state=${state}&code=x&code=${code}`,
      `state=${state}&state=${state}&code=${code}`,
      `state=${state}&code=${code}&iss=a&iss=b`,
      `state=${state}&code=${code}&${'code=x&'.repeat(1000)}`,
    ]
    for (const query of twice) assert.equal((await ask(`${at}?${query}`)).status, 400)
    assert.equal((await visit(`${at}?code=${code}&state=${state}`)).status, 200)
  })
  assert.equal(result.code, 0, result.err)
})

test(
  'a stranger at either address of localhost gets nothing, and nothing is opened (SEC-CLI-09)',
  needsBoth,
  async () => {
    for (const words of [[], ['listenaddress=localhost'], ['listenaddress=127.0.0.1']]) {
      for (const taken of [['127.0.0.1'], ['::1'], ['127.0.0.1', '::1']]) {
        const port = await freePort()
        const strangers = await Promise.all(taken.map((address) => listenAt(address, port)))
        const result = await shell.run(['login', '-method=oidc', `port=${port}`, ...words], quiet)
        for (const stranger of strangers) stranger.close()
        assert.equal(result.code, 1)
        assert.match(
          result.err,
          /cannot listen on \S+ \(EADDRINUSE\)\..*Use another port: port=8251/,
        )
        assert.ok(!result.err.includes('Waiting for OIDC'))
      }
    }
  },
)

test('the browser is heard at both addresses of localhost (SEC-CLI-09)', needsBoth, async () => {
  for (const host of ['127.0.0.1', '[::1]']) {
    const port = await freePort()
    const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
      const { code, state } = idp.authorize(url)
      const at = `http://${host}:${port}/oidc/callback`
      assert.equal((await visit(`${at}?code=${code}&state=${state}`)).status, 200)
    })
    assert.equal(result.code, 0, result.err)
  }
})

test('SEC-CLI-01: another state, host, path, method or origin and a second request change nothing; the right one still ends the login', async () => {
  const port = await freePort()
  const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
    const { code, state } = idp.authorize(url)
    const base = `http://localhost:${port}`
    assert.equal((await visit(`${base}/oidc/callback?code=x&state=st_other`)).status, 400)
    const stateless = await visit(`${base}/oidc/callback?error=access_denied`)
    assert.deepEqual(
      [stateless.status, stateless.text],
      [
        400,
        'This is not the sign-in that is waited for. The identity provider reported access_denied and left the state of the sign-in out.\n',
      ],
    )
    assert.equal((await visit(`${base}/other?code=${code}&state=${state}`)).status, 404)
    const rebound = await visit(`${base}/oidc/callback?code=${code}&state=${state}`, undefined, {
      host: `evil.test:${port}`,
    })
    assert.equal(rebound.status, 400)
    const right = `${base}/oidc/callback?code=${code}&state=${state}`
    for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      assert.equal((await fetch(right, { method })).status, 405, method)
    }
    for (const origin of ['https://evil.test', 'null', base]) {
      assert.equal((await ask(right, undefined, { origin })).status, 400, origin)
    }
    const [first, second] = await Promise.all([ask(right), ask(right)])
    assert.deepEqual(
      [first, second].map(({ status }) => status).toSorted((a, b) => a - b),
      [303, 400],
    )
    assert.equal((await ask(`${base}/oidc/callback`)).status, 200)
  })
  assert.equal(result.code, 0, result.err)
})

test('what the provider refuses is on the page and in the terminal, with its reason (FIX-G1)', async () => {
  const port = await freePort()
  let page: Page | undefined
  const result = await login([`port=${port}`, 'skip_browser=true'], async (url) => {
    const { state } = idp.authorize(url)
    const error = `error=access_denied&error_description=${encodeURIComponent('<b>no</b>')}`
    page = await visit(`${listenerOf(url)}?state=${state}&${error}`)
  })
  assert.deepEqual([result.code, result.out, page?.status], [2, '', 400])
  assert.match(result.err, /\* Vault login failed\. OAuth error: access_denied/)
  assert.match(result.err, /^Reason: idp_denied$/m)
  const shown = textOf({ text: page?.text ?? '' })
  assert.match(shown, /Sign-in failed The identity provider denied access/)
  assert.match(shown, /The identity provider said access_denied: <b>no<\/b>/)
  assert.match(shown, /What to do Sign in with an account that is assigned/)
  assert.match(shown, /idp_denied · [0-9a-f-]{36}/)
  assert.doesNotMatch(shown, /Vault login failed/)
  assert.ok(!(page?.text ?? '').includes('<b>no</b>'))
})

test('no address comes of an authorization endpoint with syntax of a launcher (SEC-CLI-10)', async () => {
  for (const end of ['|calc.exe', '^', '%VAULT_TOKEN%', "'"]) {
    idp.metadata = { authorization_endpoint: `${idp.issuer}/authorize?p=1${end}` }
    await shell.server.root.must('auth/oidc/config', config())
    const result = await shell.run(['login', '-method=oidc', `port=${await freePort()}`], quiet)
    assert.equal(result.code, 2, end)
    assert.match(result.err, /Unable to authorize role/)
    assert.ok(!result.err.includes('authorize?p='), result.err)
  }
  idp.metadata = {}
  await shell.server.root.must('auth/oidc/config', config())
})

test('CLI-012, CLI-37: an empty address names role and redirect URI', async () => {
  const result = await shell.run(['login', '-method=oidc', 'role=people', 'callbackhost=x'], quiet)
  assert.equal(result.code, 2)
  assert.match(
    result.err,
    /Unable to authorize role "people" with redirect_uri "http:\/\/x:8250\/oidc\/callback"/,
  )
})

test('CLI-014, SEC-CLI-02: a port that is taken is said before anything is opened', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, 'localhost', resolve))
  const { port } = other.address() as AddressInfo
  const result = await shell.run(['login', '-method=oidc', `port=${port}`], quiet)
  other.close()
  assert.notEqual(result.code, 0)
  assert.match(result.err, new RegExp(`cannot listen on localhost:${port} \\(EADDRINUSE\\)`))
  assert.ok(!result.err.includes('Waiting for OIDC'))
})

test('CLI-021: without a screen the address is printed; abort_on_error fails instead', async () => {
  const port = await freePort()
  const goesOn = await login([`port=${port}`], async (url) => {
    const { code, state } = idp.authorize(url)
    await visit(`${listenerOf(url)}?code=${code}&state=${state}`)
  })
  assert.equal(goesOn.code, 0, goesOn.err)
  assert.match(goesOn.err, /No browser could be launched/)
  const result = await shell.run(
    ['login', '-method=oidc', `port=${port}`, 'abort_on_error=true'],
    quiet,
  )
  assert.equal(result.code, 2)
  assert.match(result.err, /no browser could be launched/)
})

test('CLI-009: direct mode shows the code of the page and polls for the token', async () => {
  const words = ['callbackmode=direct', 'role=direct', 'skip_browser=true']
  const result = await login(words, async (url) => {
    const { code, state } = idp.authorize(url)
    const browser = new DirectBrowser(shell.server.client(), 'oidc')
    const page = await browser.arrive({ code, state })
    const shown = /[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}/.exec(page.text)?.[0]
    assert.ok(shown !== undefined)
    await browser.press(page, 'yes')
    codeOfPage = shown
  })
  assert.equal(result.code, 0, result.err)
  assert.ok(result.err.includes(codeOfPage))
})

let codeOfPage = ''

test('CLI-022: device mode prints the code of the provider', async () => {
  idp.metadata = { device_authorization_endpoint: `${idp.issuer}/device` }
  idp.onDevice = () => ({
    body: { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: 'https://idp.test/d' },
  })
  idp.onToken = () => ({ body: { access_token: 'access1', id_token: idp.mint(undefined) } })
  await shell.server.root.must('auth/oidc/config', config())
  const words = ['login', '-method=oidc', 'callbackmode=device', 'role=device', 'skip_browser=true']
  const result = await shell.run(words, quiet)
  assert.equal(result.code, 0, result.err)
  assert.match(result.err, /WDJB-MJHT/)
  assert.match(result.err, /\n {4}https:\/\/idp\.test\/d\n/)
  idp.onToken = undefined
  idp.metadata = {}
  await shell.server.root.must('auth/oidc/config', config())
})

test('CLI-016, CLI-017: Ctrl-C ends the wait and takes the sign-in back', async () => {
  for (const words of [
    ['skip_browser=true'],
    ['callbackmode=direct', 'role=direct', 'skip_browser=1'],
  ]) {
    const port = await freePort()
    let interrupt: () => void = () => undefined
    let state = ''
    let code = ''
    const all = words.includes('role=direct') ? words : [...words, `port=${port}`]
    const result = await login(
      all,
      async (url) => {
        ;({ code, state } = idp.authorize(url))
        interrupt()
      },
      {
        onInterrupt: (work) => {
          interrupt = work
          return () => undefined
        },
      },
    )
    assert.deepEqual([result.code, result.out], [2, ''])
    assert.match(result.err, /interrupted/)
    const query = `state=${state}&code=${code}&client_nonce=x&confirmation=1`
    const late = await shell.server.client().read(`auth/oidc/oidc/callback?${query}`)
    assert.equal(late.headers['x-login-reason'], 'state_unknown', late.text)
  }
  assert.equal(existsSync(shell.tokenFile), true, 'what was kept before stays')
})

test('CLI-015: nobody waits for a browser longer than two minutes, or for a person longer than ten', async () => {
  for (const [words, minutes] of [
    [['skip_browser=true'], 2],
    [['callbackmode=direct', 'role=direct', 'skip_browser=true'], 10],
  ] as const) {
    const asked: number[] = []
    let state = ''
    const result = await login(
      [...words, `port=${await freePort()}`],
      async (url) => {
        state = idp.authorize(url).state
      },
      {
        // A tenth of a second stands for them.
        deadline: (afterMs) => {
          asked.push(afterMs)
          return AbortSignal.timeout(100)
        },
      },
    )
    assert.deepEqual([result.code, result.out, asked], [2, '', [minutes * 60_000]])
    assert.match(result.err, /timed out waiting for a response from the identity provider/)
    const late = await shell.server.client().read(`auth/oidc/oidc/callback?state=${state}&code=x`)
    assert.equal(late.headers['x-login-reason'], 'state_unknown', late.text)
  }
})

test('CLI-025: a word that is repeated is a list in the body', async () => {
  await shell.must([
    'write',
    'auth/oidc/role/two',
    'user_claim=sub',
    'allowed_redirect_uris=https://a.test',
    'allowed_redirect_uris=https://b.test',
  ])
  const [sent] = shell.taken()
  const body = JSON.parse(sent?.body ?? '{}')
  assert.deepEqual(body.allowed_redirect_uris, ['https://a.test', 'https://b.test'])
})

// ---------------------------------------------------------------- servers that answer oddly

async function against(
  answers: Answers,
  words: readonly string[],
): Promise<{ readonly result: RunResult; readonly ms: number }> {
  let ended: { readonly result: RunResult; readonly ms: number } | undefined
  await withServer(answers, async (server) => {
    const start = performance.now()
    const all = ['login', '-method=oidc', '-no-store', 'skip_browser=1', ...words]
    const result = await server.run(all)
    ended = { result, ms: performance.now() - start }
  })
  assert.ok(ended !== undefined)
  return ended
}

const authUrl = 'PUT /v1/auth/oidc/oidc/auth_url'
const pollLine = 'PUT /v1/auth/oidc/oidc/poll'
const polled = { auth_url: 'https://idp.test/', state: 'st_1', poll_interval: '1' }

test('CLI-010, CLI-011: a server that answers for another mode ends the login', async () => {
  const noState = await against(
    { [authUrl]: { body: { data: { auth_url: 'https://idp.test/' } } } },
    ['callbackmode=direct'],
  )
  assert.equal(noState.result.code, 2)
  assert.match(noState.result.err, /not for callbackmode=direct/)
  const withState = await against({ [authUrl]: { body: { data: polled } } }, [])
  assert.equal(withState.result.code, 2)
  assert.match(withState.result.err, /callbackmode=direct/)
})

test('CLI-018, CLI-019: slow_down doubles the interval, and any other error ends the wait', async () => {
  const refused = (text: string) => ({ status: 400, body: { errors: [text] } })
  const auth = { client_token: 'hvs.x', accessor: 'a', policies: [], lease_duration: 1 }
  const slow = await against(
    {
      [authUrl]: { body: { data: polled } },
      [pollLine]: [
        refused('authorization_pending'),
        refused('slow_down'),
        refused('authorization_pending'),
        { body: { auth } },
      ],
    },
    ['callbackmode=device'],
  )
  assert.equal(slow.result.code, 0, slow.result.err)
  // One second, one second, two seconds, two seconds.
  assert.ok(slow.ms >= 5900 && slow.ms < 10_000, `${slow.ms}`)
  const ended = await against(
    { [authUrl]: { body: { data: polled } }, [pollLine]: refused('Vault login failed. No.') },
    ['callbackmode=direct'],
  )
  assert.equal(ended.result.code, 2)
  assert.match(ended.result.err, /Vault login failed\. No\./)
})

test('whatever interval a server names, the wait is one second to sixty (SEC-OID-34)', async () => {
  const named = [
    ['1', 1],
    ['60', 60],
    ['0', 1],
    ['-5', 1],
    ['0.001', 1],
    ['1.5', 2],
    ['2147483648', 60],
    ['1e12', 60],
    ['Infinity', 60],
  ] as const
  const auth = { client_token: 'hvs.x', accessor: 'a', policies: [], lease_duration: 1 }
  const refused = (text: string) => ({ status: 400, body: { errors: [text] } })
  for (const [poll_interval, seconds] of named) {
    const answers = {
      [authUrl]: { body: { data: { ...polled, poll_interval } } },
      [pollLine]: [
        refused('authorization_pending'),
        ...Array.from({ length: 8 }, () => refused('slow_down')),
        { body: { auth } },
      ],
    }
    await withServer(answers, async (server) => {
      const waits: number[] = []
      const pause = (forMs: number): Promise<void> => {
        waits.push(forMs / 1000)
        return Promise.resolve()
      }
      const words = ['login', '-method=oidc', '-no-store', 'callbackmode=device']
      const result = await server.run(words, { pause })
      assert.equal(result.code, 0, result.err)
      assert.deepEqual(waits.slice(0, 2), [seconds, seconds], poll_interval)
      assert.equal(waits.at(-1), 60, poll_interval)
    })
  }
})

test('an interval that is no number is no interval (SEC-OID-34)', async () => {
  for (const poll_interval of ['soon', 'NaN', '']) {
    const { result } = await against(
      { [authUrl]: { body: { data: { ...polled, poll_interval } } } },
      ['callbackmode=device'],
    )
    assert.equal(result.code, 2)
    assert.match(result.err, /gave no state and poll_interval/)
  }
})
