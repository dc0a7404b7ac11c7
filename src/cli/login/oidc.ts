/** Sign-in through the browser, here or elsewhere (jwt-oidc.md §7). */

import { ApiError, PageInsteadOfJson } from '../../client/api-error.ts'
import {
  objectMember,
  objectOf,
  parseSecret,
  textMember,
  type Secret,
} from '../../client/secret.ts'
import { confirmationCode } from '../../lib/confirmation-code.ts'
import { isPlainWebAddress } from '../../lib/web-address.ts'
import { randomLetters, SystemRandom } from '../../platform/random.ts'
import { readHost } from '../../platform/host.ts'
import { deadline } from '../../platform/terminal.ts'
import { chooseAddress } from '../connection.ts'
import type { CommandContext } from '../context.ts'
import { remoteErrorText } from '../error-text.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'
import { OidcListener, type Arrival } from './oidc-listener.ts'
import { oidcParameterHelp, parseOidcParameters, type OidcParameters } from './oidc-parameters.ts'
import { qrCode } from './qr-code.ts'
import { refusedCard } from './refused-card.ts'
import { pollVerdict } from './stock-texts.ts'

const doing = 'Error authenticating'
/** As long as the server keeps the sign-in. */
const waitMsMax = 600_000
const goodbyeMsMax = 2000
const serverFaultsMax = 3
/**
 * RFC 8628 §3.5: whatever a provider or a role names, nobody is asked without a pause, and nobody
 * waits for ever.
 */
const pollSecondsMin = 1
const pollSecondsMax = 60

/** A sign-in that the server has begun. */
interface Begun {
  readonly context: CommandContext
  readonly parameters: OidcParameters
  readonly clientNonce: string
  readonly authUrl: string
  readonly state: string
  readonly pollSeconds: number
  readonly userCode: string
}

export const oidcLogin: LoginMethod = {
  description:
    'Through a browser and an identity provider. The role says whether the browser comes back to this program (client), to the server (direct), or is on another machine (device).',
  parameters: oidcParameterHelp,
  example: 'login -method=oidc role=people',
  async authenticate({ context, mount, words }) {
    const address = chooseAddress(context.flags, context.environment)
    const parameters = parseOidcParameters(words, { mount, address })
    const begun = await begin(context, parameters)
    return parameters.mode === 'client' ? signInHere(begun) : signInElsewhere(begun)
  },
}

async function begin(context: CommandContext, parameters: OidcParameters): Promise<Begun> {
  const { mount, role, redirectUri, mode } = parameters
  const clientNonce = randomLetters(new SystemRandom(), 20)
  const body = objectOf([
    ['role', role],
    ['redirect_uri', redirectUri],
    ['client_nonce', clientNonce],
  ])
  const path = `auth/${mount}/oidc/auth_url`
  const secret = await context.fetch('PUT', path, doing, {
    body,
    token: '',
    headers: [['X-Vault-Wrap-TTL', '']],
  })
  const data = secret?.data ?? {}
  const authUrl = textMember(data, 'auth_url')
  if (authUrl === '') {
    throw new CommandFailure(
      `${doing}: Unable to authorize role ${JSON.stringify(role)} with redirect_uri ${JSON.stringify(redirectUri)}. Check the server's log for more information.`,
      exitCodes.remote,
    )
  }
  const begunState = textMember(data, 'state')
  const pollSeconds = Number(textMember(data, 'poll_interval') || Number.NaN)
  const isPolled = begunState !== '' || !Number.isNaN(pollSeconds)
  if (mode === 'client' && isPolled) {
    throw new CommandFailure(
      `${doing}: the role is for direct or device sign-ins. Try callbackmode=direct or callbackmode=device`,
      exitCodes.remote,
    )
  }
  if (mode !== 'client' && (begunState === '' || Number.isNaN(pollSeconds))) {
    throw new CommandFailure(
      `${doing}: the server gave no state and poll_interval: the role is not for callbackmode=${mode}`,
      exitCodes.remote,
    )
  }
  const inUrl = URL.canParse(authUrl) ? new URL(authUrl).searchParams.get('state') : null
  const state = begunState === '' ? ((inUrl ?? '').split(',ns=')[0] ?? '') : begunState
  return {
    context,
    parameters,
    clientNonce,
    authUrl,
    state,
    pollSeconds: boundedSeconds(pollSeconds),
    userCode: textMember(data, 'user_code') || codeInLink(authUrl, mode),
  }
}

/**
 * RFC 8628 §3.3.1: whoever enters it compares the code of the page with this one, so it is shown
 * although the link has it already.
 */
function codeInLink(authUrl: string, mode: OidcParameters['mode']): string {
  if (mode !== 'device' || !URL.canParse(authUrl)) return ''
  return new URL(authUrl).searchParams.get('user_code') ?? ''
}

// ---------------------------------------------------------------- client mode

async function signInHere(begun: Begun): Promise<Secret> {
  const { context, parameters, state } = begun
  let finish: (response: Secret | CommandFailure) => void = () => undefined
  const finished = new Promise<Secret | CommandFailure>((resolve) => {
    finish = resolve
  })
  const listener = new OidcListener({
    address: parameters.listenAddress,
    port: parameters.port,
    callbackHost: hostOf(parameters.redirectUri),
    state,
    nonce: () => new SystemRandom().bytes(18).toString('base64'),
    onArrival: async (arrival) => {
      try {
        const secret = await complete(begun, arrival)
        finish(secret)
        return { ok: true, name: personOf(secret), address: readHost().hostname }
      } catch (cause) {
        finish(asFailure(cause, context.programName))
        return { ok: false, card: refusedCard(cause, arrival) }
      }
    },
  })
  await listener.open()
  try {
    const result = await interruptible(begun, async () => {
      await show(begun)
      return finished
    })
    // The browser is on its way to the page, and gets it before the program ends.
    await Promise.race([listener.pageSent, context.pause(goodbyeMsMax)])
    if (result instanceof CommandFailure) throw result
    return result
  } finally {
    listener.close()
  }
}

/** What a provider answers with; an ID token is posted only. */
const answerNames = ['code', 'iss', 'error', 'error_description', 'error_uri']

async function complete(begun: Begun, { method, parameters }: Arrival): Promise<Secret> {
  const { context, clientNonce, state } = begun
  const path = `auth/${begun.parameters.mount}/oidc/callback`
  const picked = (names: readonly string[]) =>
    names.flatMap((name) => {
      const value = parameters.get(name) ?? ''
      return value === '' ? [] : [[name, value] as const]
    })
  const own = [['state', parameters.get('state') ?? state] as const]
  const proof = [['client_nonce', clientNonce] as const]
  const client = await context.client()
  const isPosted = method === 'POST'
  if (isPosted) {
    const body = objectOf([...own, ...picked([...answerNames, 'id_token']), ...proof])
    await park(client, { method: 'POST', path, body, token: '' })
  }
  // A posted answer lies at the server, bound to the nonce (jwt-oidc.md §4.4): what is named again
  // would be taken for a ticket.
  const query = [...own, ...(isPosted ? [] : picked(answerNames)), ...proof]
  const secret = parseSecret(await client.require({ method: 'GET', path, query, token: '' }))
  if (secret !== undefined) return secret
  throw new CommandFailure(`${doing}: the server answered nothing`, exitCodes.remote)
}

type Client = Awaited<ReturnType<CommandContext['client']>>

/**
 * The server answers with a page; that it kept the values is all that counts. A 400 says that this
 * is no address of its own.
 */
async function park(client: Client, request: Parameters<Client['send']>[0]): Promise<void> {
  try {
    const answer = await client.send(request)
    if (answer.status >= 401) throw new ApiError(answer)
  } catch (cause) {
    if (!(cause instanceof PageInsteadOfJson) || cause.status >= 401) throw cause
  }
}

// ---------------------------------------------------------------- direct and device mode

async function signInElsewhere(begun: Begun): Promise<Secret> {
  return interruptible(begun, async () => {
    await show(begun)
    return pollUntilDone(begun)
  })
}

async function pollUntilDone(begun: Begun): Promise<Secret> {
  const { context, parameters, state, clientNonce } = begun
  const client = await context.client()
  const path = `auth/${parameters.mount}/oidc/poll`
  const body = objectOf([
    ['state', state],
    ['client_nonce', clientNonce],
  ])
  let seconds = begun.pollSeconds
  let faults = 0
  for (;;) {
    await context.pause(seconds * 1000)
    const response = await client.send({ method: 'PUT', path, body, token: '' })
    const secret = response.status === 200 ? parseSecret(response) : undefined
    if (secret !== undefined) return secret
    const error = new ApiError(response)
    const verdict = pollVerdict(error)
    if (verdict === 'slow_down') seconds = boundedSeconds(seconds * 2)
    else if (response.status >= 500 && faults < serverFaultsMax) faults++
    else if (verdict === 'over') throw asFailure(error, context.programName)
  }
}

function boundedSeconds(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), pollSecondsMin), pollSecondsMax)
}

// ---------------------------------------------------------------- parts

/**
 * jwt-oidc.md §7.2, steps 5 and 6: all of it goes to standard error, also when the output is for
 * machines.
 */
async function show(begun: Begun): Promise<void> {
  const { context, parameters, authUrl, userCode, state } = begun
  const say = (text: string) => context.print.error(text)
  // The code has to be typed by a person anyway, and where to is the provider's word alone
  // (SEC-OID-23).
  const isToOpen = !parameters.skipBrowser && parameters.mode !== 'device'
  const isOpened = isToOpen && (await context.openBrowser(authUrl))
  const failed = isToOpen && !isOpened
  const isOdd = !isPlainWebAddress(authUrl)
  if (failed && parameters.abortOnError) {
    const why = isOdd ? oddAddress : 'no browser could be launched'
    throw new CommandFailure(`${doing}: ${why}`, exitCodes.remote)
  }
  say(
    isOpened
      ? `Complete the login via your OIDC provider. Launching browser to:\n\n    ${authUrl}\n\n`
      : `Complete the login via your OIDC provider. Open the following link in your browser:\n\n    ${authUrl}\n\n`,
  )
  if (failed && isOdd) say(`${oddAddress}.\n`)
  else if (failed) sayWithoutBrowser(context, parameters.mode)
  if (parameters.showQr) {
    const code = qrCode(authUrl, context.environment.variables['COLORTERM'])
    if (code === undefined) say('The address is too long for a QR code.\n')
    else context.print.drawing(code)
  }
  if (parameters.mode === 'direct') {
    say(`The page must show the code ${confirmationCode(state)}. Confirm nothing else.\n`)
  }
  say('Waiting for OIDC authentication to complete...')
  if (userCode !== '') say(`When prompted, enter code ${userCode}`)
}

const oddAddress =
  'The address has characters that do not belong into one, so it is not opened for you'

function sayWithoutBrowser(context: CommandContext, mode: OidcParameters['mode']): void {
  context.print.error('No browser could be launched on this machine.')
  const isRemote = context.environment.variables['SSH_CONNECTION'] !== undefined
  if (isRemote && mode === 'client') {
    context.print.error(
      'Over SSH: a role of callbackmode=device or callbackmode=direct needs no browser here, and "ssh -L 8250:localhost:8250" brings this one to yours.',
    )
  }
  context.print.error('')
}

/**
 * The work, unless Ctrl-C or the end of the sign-in's life comes first; both take the sign-in back.
 */
async function interruptible<T>(begun: Begun, work: () => Promise<T>): Promise<T> {
  const { context } = begun
  let stop: () => void = () => undefined
  const interrupted = new Promise<'interrupted'>((resolve) => {
    stop = context.onInterrupt(() => resolve('interrupted'))
  })
  const timer = deadline(waitMsMax)
  const late = new Promise<'late'>((resolve) => {
    timer.addEventListener('abort', () => resolve('late'), { once: true })
  })
  try {
    const first = await Promise.race([work().then((value) => ({ value })), interrupted, late])
    if (typeof first !== 'string') return first.value
    await takeBack(begun)
    const text =
      first === 'interrupted'
        ? 'interrupted'
        : 'timed out waiting for a response from the identity provider'
    throw new CommandFailure(`${doing}: ${text}`, exitCodes.remote)
  } finally {
    stop()
  }
}

/** Nobody else shall finish what was given up. A failure here changes nothing. */
async function takeBack({ context, parameters, state }: Begun): Promise<void> {
  const path = `auth/${parameters.mount}/oidc/${parameters.mode === 'client' ? 'callback' : 'poll'}`
  const end = async () => {
    const client = await context.client()
    await (parameters.mode === 'client'
      ? client.send({
          method: 'GET',
          path,
          query: [
            ['state', state],
            ['error', 'access_denied'],
          ],
          token: '',
        })
      : client.send({ method: 'PUT', path, body: { state, client_nonce: '' }, token: '' }))
  }
  await Promise.race([end().catch(() => undefined), context.pause(goodbyeMsMax)])
}

function asFailure(cause: unknown, programName: string): CommandFailure {
  if (cause instanceof CommandFailure) return cause
  const reason = cause instanceof ApiError ? cause.loginReason : undefined
  const text = remoteErrorText({ doing, programName }, cause)
  return new CommandFailure(text, exitCodes.remote, undefined, reason)
}

/** What the provider calls the person, where the role keeps it. */
function personOf({ auth }: Secret): string {
  const metadata = auth === undefined ? undefined : objectMember(auth, 'metadata')
  return metadata === undefined ? '' : textMember(metadata, 'name')
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname : ''
}
