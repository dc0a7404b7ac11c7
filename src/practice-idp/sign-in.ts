/**
 * The practice provider as an OpenID provider: authorization, token, user info and device endpoints
 * (OpenID Connect Core, RFC 6749, RFC 7636, RFC 8628, RFC 9207). It checks what a real one checks,
 * but for the person.
 */

import { createHash } from 'node:crypto'
import { equalSecrets } from '../lib/constant-time.ts'
import type { Clock } from '../platform/clock.ts'
import { randomLetters, type Random } from '../platform/random.ts'
import { mayRedirectTo, PracticeClients, type PracticeClient } from './clients.ts'
import { ShortLived } from './one-time.ts'
import { isPerson, people, type PersonName } from './people.ts'
import {
  deviceCodePage,
  formPostPage,
  messagePage,
  pickerPage,
  type PageFacts,
  type PracticePage,
} from './sign-in-pages.ts'
import type { Trouble } from './trouble.ts'
import type { Claims } from './workload.ts'

export interface SignInDoors {
  readonly clock: Clock
  readonly random: Random
  readonly clients: readonly PracticeClient[]
  readonly issuer: () => string
  readonly isOn: (trouble: Trouble) => boolean
  /** Signs an ID token with RS256; times are the minter's. */
  readonly mint: (claims: Claims) => string
}

/** Where the browser goes, and with what. */
export interface Arrival {
  readonly redirectUri: string
  readonly responseMode: 'query' | 'form_post'
  readonly parameters: Readonly<Record<string, string>>
}

interface Grant {
  readonly clientId: string
  readonly person: PersonName
  readonly scopes: readonly string[]
  readonly nonce: string
  readonly authTimeSeconds: number
}

interface CodeGrant extends Grant {
  readonly redirectUri: string
  readonly challenge: string
}

interface DeviceGrant {
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly userCode: string
  readonly challenge: string
  answer: 'pending' | 'denied' | PersonName
  polledAtMs: number
}

interface Asked {
  readonly client: PracticeClient
  readonly redirectUri: string
  readonly responseType: 'code' | 'id_token'
  readonly responseMode: 'query' | 'form_post'
  readonly scopes: readonly string[]
  readonly state: string
  readonly nonce: string
  readonly challenge: string
}

/** A JSON answer of the back channel. */
export interface TokenAnswer {
  readonly status: number
  readonly body: Claims
}

const codeLifeSeconds = 60
const tokenLifeSeconds = 3600
const deviceLifeSeconds = 600
const pollSeconds = 1
const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'

export class PracticeSignIn {
  readonly #doors: SignInDoors
  readonly #clients: PracticeClients
  readonly #codes: ShortLived<CodeGrant>
  readonly #tokens: ShortLived<Grant>
  readonly #devices: ShortLived<DeviceGrant>
  /** Device code by user code. */
  readonly #userCodes: ShortLived<string>

  constructor(doors: SignInDoors) {
    this.#doors = doors
    this.#clients = new PracticeClients(doors.clients)
    this.#codes = new ShortLived(doors.clock, codeLifeSeconds)
    this.#tokens = new ShortLived(doors.clock, tokenLifeSeconds)
    this.#devices = new ShortLived(doors.clock, deviceLifeSeconds)
    this.#userCodes = new ShortLived(doors.clock, deviceLifeSeconds)
  }

  // ---------------------------------------------------------------- authorization

  /** The page where a person is picked, or where the browser goes at once. */
  authorizePage(query: URLSearchParams): PracticePage {
    const asked = this.#read(query)
    if (typeof asked === 'string') return this.message(400, 'This cannot be signed in to', asked)
    const problem = this.#problemOf(query, asked)
    if (problem !== undefined) return this.#send(this.#refusal(asked, problem))
    if (this.#doors.isOn('access_denied')) return this.#send(this.#refusal(asked, 'access_denied'))
    const choose = (name: string) => `/authorize/as/${name}?${query.toString()}`
    return pickerPage(this.#facts(), {
      client: asked.client.client_id,
      host: hostOf(query.get('redirect_uri') ?? ''),
      scopes: asked.scopes,
      choose,
      deny: choose('nobody'),
    })
  }

  /** What a click on a person does; `nobody` denies. */
  choosePage(query: URLSearchParams, name: string): PracticePage {
    const arrival = this.choose(query, name)
    return typeof arrival === 'string'
      ? this.message(400, 'This cannot be signed in to', arrival)
      : this.#send(arrival)
  }

  /** The same without a page; a text says why the request cannot be answered. */
  choose(query: URLSearchParams, name: string): Arrival | string {
    const asked = this.#read(query)
    if (typeof asked === 'string') return asked
    const problem = this.#problemOf(query, asked)
    if (problem !== undefined) return this.#refusal(asked, problem)
    if (!isPerson(name)) return this.#refusal(asked, 'access_denied')
    const grant: Grant = {
      clientId: asked.client.client_id,
      person: name,
      scopes: asked.scopes,
      nonce: asked.nonce,
      authTimeSeconds: Math.floor(this.#doors.clock.nowMs() / 1000),
    }
    if (asked.responseType === 'id_token') {
      return this.#arrival(asked, { id_token: this.#idToken(grant, undefined) })
    }
    const code = this.#secret()
    const { redirectUri, challenge } = asked
    this.#codes.put(code, { ...grant, redirectUri, challenge })
    return this.#arrival(asked, { code })
  }

  #read(query: URLSearchParams): Asked | string {
    // Before client and address are known, nothing is sent anywhere (RFC 6749 §4.1.2.1).
    for (const name of query.keys()) {
      if (query.getAll(name).length > 1) return `The parameter ${name} comes twice.`
    }
    const client = this.#clients.find(query.get('client_id') ?? '')
    if (client === undefined) return 'The client is not registered here.'
    const redirectUri = query.get('redirect_uri') ?? ''
    if (!mayRedirectTo(client, redirectUri)) {
      return 'The redirect_uri is neither registered nor an address of this machine.'
    }
    const responseType = query.get('response_type') === 'id_token' ? 'id_token' : 'code'
    return {
      client,
      redirectUri,
      responseType,
      responseMode: query.get('response_mode') === 'form_post' ? 'form_post' : 'query',
      scopes: (query.get('scope') ?? '').split(' ').filter((scope) => scope !== ''),
      state: query.get('state') ?? '',
      nonce: query.get('nonce') ?? '',
      challenge: query.get('code_challenge') ?? '',
    }
  }

  #problemOf(query: URLSearchParams, asked: Asked): string | undefined {
    const type = query.get('response_type')
    if (type !== 'code' && type !== 'id_token') return 'unsupported_response_type'
    if (!asked.scopes.includes('openid')) return 'invalid_scope'
    if (query.get('prompt') === 'none') return 'login_required'
    const isImplicit = type === 'id_token'
    // OpenID Connect Core §3.2.2.1; an ID token in a query would end up in logs.
    if (isImplicit && (asked.nonce === '' || asked.responseMode !== 'form_post')) {
      return 'invalid_request'
    }
    const method = query.get('code_challenge_method')
    const hasPlain = asked.challenge !== '' && method !== 'S256'
    const isPublicWithout =
      !isImplicit && asked.client.client_secret === undefined && asked.challenge === ''
    return hasPlain || isPublicWithout ? 'invalid_request' : undefined
  }

  #refusal(asked: Asked, error: string): Arrival {
    return this.#arrival(asked, { error, error_description: `practice provider: ${error}` })
  }

  #arrival(asked: Asked, values: Readonly<Record<string, string>>): Arrival {
    const parameters: Record<string, string> = { ...values }
    if (asked.state !== '') parameters['state'] = asked.state
    // RFC 9207 §2.
    if (!this.#doors.isOn('iss_missing')) {
      parameters['iss'] = this.#doors.isOn('iss_other')
        ? 'https://another.example.com'
        : this.#doors.issuer()
    }
    return { redirectUri: asked.redirectUri, responseMode: asked.responseMode, parameters }
  }

  #send({ redirectUri, responseMode, parameters }: Arrival): PracticePage {
    if (responseMode === 'form_post') return formPostPage(this.#facts(), redirectUri, parameters)
    const target = new URL(redirectUri)
    for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value)
    const headers = { location: target.href, 'cache-control': 'no-store' }
    return { status: 303, headers: { ...headers, 'referrer-policy': 'no-referrer' }, body: '' }
  }

  // ---------------------------------------------------------------- tokens

  token(form: URLSearchParams, authorization: string | undefined): TokenAnswer {
    // Before the code is touched: a client may try twice, in two ways.
    const client = this.#clients.authenticate(form, authorization)
    if (client === undefined) return refused(401, 'invalid_client')
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.#byCode(form, client)
      case deviceGrantType:
        return this.#byDevice(form, client)
      default:
        return refused(400, 'unsupported_grant_type')
    }
  }

  #byCode(form: URLSearchParams, client: PracticeClient): TokenAnswer {
    const code = form.get('code') ?? ''
    const grant = this.#codes.take(code)
    const isGood =
      grant !== undefined &&
      grant.clientId === client.client_id &&
      grant.redirectUri === form.get('redirect_uri') &&
      fitsChallenge(grant.challenge, form.get('code_verifier') ?? '')
    return isGood ? this.#tokensFor(grant) : refused(400, 'invalid_grant')
  }

  #tokensFor(grant: Grant): TokenAnswer {
    const accessToken = this.#secret()
    this.#tokens.put(accessToken, grant)
    return {
      status: 200,
      body: {
        access_token: accessToken,
        token_type: 'Bearer',
        expires_in: tokenLifeSeconds,
        id_token: this.#idToken(grant, accessToken),
        scope: grant.scopes.join(' '),
      },
    }
  }

  #idToken(grant: Grant, accessToken: string | undefined): string {
    const { isOn } = this.#doors
    const hash =
      accessToken === undefined
        ? undefined
        : isOn('wrong_at_hash')
          ? 'AAAAAAAAAAAAAAAAAAAAAA'
          : leftHalf(accessToken)
    const nonce = isOn('wrong_nonce') ? `${grant.nonce}-other` : grant.nonce
    return this.#doors.mint({
      sub: people[grant.person].sub,
      aud: isOn('wrong_audience') ? 'another-client' : grant.clientId,
      auth_time: grant.authTimeSeconds,
      // Without an access token there is no user info to ask for (OpenID Connect Core §5.4).
      ...(accessToken === undefined ? this.#profile(grant) : {}),
      ...(grant.nonce === '' ? {} : { nonce }),
      ...(hash === undefined ? {} : { at_hash: hash }),
    })
  }

  #profile({ person }: Grant): Claims {
    const { name, email, groups } = people[person]
    return {
      name,
      preferred_username: person,
      email,
      email_verified: true,
      ...(this.#doors.isOn('groups_missing') ? {} : { groups }),
    }
  }

  userInfo(authorization: string | undefined): TokenAnswer {
    const text = authorization?.startsWith('Bearer ') === true ? authorization.slice(7) : ''
    const grant = this.#tokens.get(text)
    if (grant === undefined) return refused(401, 'invalid_token')
    const sub = this.#doors.isOn('userinfo_other') ? people.mallory.sub : people[grant.person].sub
    return { status: 200, body: { sub, ...this.#profile(grant) } }
  }

  // ---------------------------------------------------------------- devices

  startDevice(form: URLSearchParams, authorization: string | undefined): TokenAnswer {
    const client = this.#clients.authenticate(form, authorization)
    if (client === undefined) return refused(401, 'invalid_client')
    const scopes = (form.get('scope') ?? '').split(' ')
    if (!scopes.includes('openid')) return refused(400, 'invalid_scope')
    const deviceCode = this.#secret()
    const userCode = this.#userCode()
    this.#devices.put(deviceCode, {
      clientId: client.client_id,
      scopes,
      userCode,
      challenge: form.get('code_challenge') ?? '',
      answer: 'pending',
      polledAtMs: Number.NEGATIVE_INFINITY,
    })
    this.#userCodes.put(userCode, deviceCode)
    const address = `${this.#doors.issuer()}/device`
    return {
      status: 200,
      body: {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: address,
        verification_uri_complete: `${address}?user_code=${userCode}`,
        expires_in: deviceLifeSeconds,
        interval: pollSeconds,
      },
    }
  }

  #byDevice(form: URLSearchParams, client: PracticeClient): TokenAnswer {
    const deviceCode = form.get('device_code') ?? ''
    const device = this.#devices.get(deviceCode)
    if (device === undefined) return refused(400, 'expired_token')
    const isOwn =
      device.clientId === client.client_id &&
      fitsChallenge(device.challenge, form.get('code_verifier') ?? '')
    if (!isOwn) return refused(400, 'invalid_grant')
    if (device.answer === 'pending') return this.#waitingFor(device)
    this.#devices.take(deviceCode)
    this.#userCodes.take(device.userCode)
    if (device.answer === 'denied') return refused(400, 'access_denied')
    return this.#tokensFor({
      clientId: device.clientId,
      person: device.answer,
      scopes: device.scopes,
      nonce: '',
      authTimeSeconds: Math.floor(this.#doors.clock.nowMs() / 1000),
    })
  }

  /** RFC 8628 §3.5. */
  #waitingFor(device: DeviceGrant): TokenAnswer {
    const nowMs = this.#doors.clock.monotonicMs()
    const isTooSoon = nowMs - device.polledAtMs < pollSeconds * 900
    device.polledAtMs = nowMs
    return refused(400, isTooSoon ? 'slow_down' : 'authorization_pending')
  }

  /** Code entry, then who says yes. */
  devicePage(query: URLSearchParams): PracticePage {
    const userCode = (query.get('user_code') ?? '').trim().toUpperCase()
    if (userCode === '') return deviceCodePage(this.#facts(), false)
    const device = this.#deviceOf(userCode)
    if (device === undefined) return deviceCodePage(this.#facts(), true)
    const choose = (name: string) => `/device/as/${name}?user_code=${encodeURIComponent(userCode)}`
    return pickerPage(this.#facts(), {
      client: `${device.clientId}, on the device that shows ${userCode},`,
      host: '',
      scopes: device.scopes,
      choose,
      deny: choose('nobody'),
    })
  }

  deviceChoicePage(query: URLSearchParams, name: string): PracticePage {
    const isKnown = this.answerDevice(query.get('user_code') ?? '', name)
    if (!isKnown) return deviceCodePage(this.#facts(), true)
    return isPerson(name)
      ? this.message(200, 'Done', 'The device goes on by itself. This window may be closed.')
      : this.message(200, 'Denied', 'The device gets nothing.')
  }

  /** False when no device waits with that code. A name that nobody has denies. */
  answerDevice(userCode: string, name: string): boolean {
    const device = this.#deviceOf(userCode)
    if (device?.answer !== 'pending') return false
    device.answer = isPerson(name) ? name : 'denied'
    return true
  }

  #deviceOf(userCode: string): DeviceGrant | undefined {
    const deviceCode = this.#userCodes.get(userCode)
    return deviceCode === undefined ? undefined : this.#devices.get(deviceCode)
  }

  // ---------------------------------------------------------------- parts

  message(status: number, title: string, text: string): PracticePage {
    return messagePage(this.#facts(), { status, title, text })
  }

  #facts(): PageFacts {
    return {
      nonce: this.#doors.random.bytes(18).toString('base64'),
      coop: this.#doors.isOn('coop'),
    }
  }

  #secret(): string {
    return randomLetters(this.#doors.random, 43)
  }

  #userCode(): string {
    // RFC 8628 §6.1.
    const text = randomLetters(this.#doors.random, 64)
      .toUpperCase()
      .replaceAll(/[^BCDFGHJKLMNPQRSTVWXZ]/g, '')
    const code = `${text}BCDFGHJK`.slice(0, 8)
    return `${code.slice(0, 4)}-${code.slice(4)}`
  }
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : ''
}

/** RFC 7636 §4.6. */
function fitsChallenge(challenge: string, verifier: string): boolean {
  if (challenge === '') return verifier === ''
  return equalSecrets(challenge, createHash('sha256').update(verifier).digest('base64url'))
}

/** OpenID Connect Core §3.1.3.6, for RS256. */
function leftHalf(value: string): string {
  return createHash('sha256').update(value, 'latin1').digest().subarray(0, 16).toString('base64url')
}

function refused(status: number, error: string): TokenAnswer {
  return { status, body: { error } }
}
