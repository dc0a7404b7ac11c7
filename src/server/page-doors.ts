/**
 * The web pages' doors: the API in-process, texts sealed by the barrier, and the names this server
 * goes by.
 */

import type { CoreConfiguration } from '../core/configuration.ts'
import type { MountedBackends } from '../core/mounted-backends.ts'
import { closedSwitches } from '../framework/api.ts'
import type { Refusal } from '../framework/refusal.ts'
import type { OtherHandler } from '../http/exchange.ts'
import { outcomeAnswer } from '../http/respond.ts'
import { decodeBase64Url } from '../lib/base64url.ts'
import { emptyObject, isJsonObject, parseJson, requestJsonLimits } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import { StoreSealed, type Store, type TextSealer } from '../storage/store.ts'
import { isReason, reasons } from '../trust/reasons.ts'
import type { ApiCall, ApiResult, RefusalTexts, WebDoors, WebRequest } from '../ui/web-doors.ts'
import { createWebUi } from '../ui/web-ui.ts'
import { EndedSessions } from './ended-sessions.ts'
import type { LocalApi } from './local-call.ts'

/** What the pages see of the core: its API, its seal, and texts under the barrier. */
interface PagesCore extends LocalApi {
  readonly store: Store & TextSealer
  readonly seal: { readonly sealed: boolean }
  readonly isOpen: boolean
  /** Path of the namespace that a token text names; empty for the root. */
  namespaceOf(text: string): Soon<string>
  readonly backends: Pick<MountedBackends, 'of'>
  configuration(): Promise<Pick<CoreConfiguration, 'mounts'>>
}

export interface WebUiOptions {
  readonly core: PagesCore
  readonly clock: Clock
  readonly random: Random
  /** `api_addr` of the configuration; empty: what the request says. */
  readonly publicAddress: string
  readonly environment: string
}

export function createWebHandler(options: WebUiOptions): OtherHandler {
  const { core, random, clock, environment } = options
  const texts = new SealedTexts(core.store, clock)
  const ended = new EndedSessions(core.store)
  const configured =
    options.publicAddress === '' ? undefined : new URL(options.publicAddress).origin
  const doors: WebDoors = {
    api: (call) => callApi(core, call),
    sealText: (text, { purpose, expiresAtMs }) => texts.seal(text, purpose, expiresAtMs),
    openText: (sealed, purpose) => texts.open(sealed, purpose),
    end: (sealed, untilMs) => ended.end(sealed, untilMs, clock.nowMs()),
    isEnded: (sealed) => ended.isEnded(sealed),
    randomText: () => random.bytes(18).toString('base64url'),
    nowMs: () => clock.nowMs(),
    publicOrigin: (request) => configured ?? originOf(request),
    isSealed: () => core.seal.sealed || !core.isOpen,
    reasonText: (reason) => (isReason(reason) ? reasons[reason] : undefined),
    providerOf: (mount) => providerOf(core, mount),
    environment,
  }
  return createWebUi(doors)
}

async function providerOf(core: PagesCore, mount: string): Promise<string> {
  const { mounts } = await core.configuration()
  const record = mounts.byPath(`auth/${mount}/`)
  if (record === undefined || record.tainted === true) return ''
  return (await core.backends.of(record).backend.signInHost?.()) ?? ''
}

/** As a request over the socket, and its answer as it would go out. */
async function callApi(core: PagesCore, call: ApiCall): Promise<ApiResult> {
  const { token } = call
  // A session acts where its token is.
  const ofToken = token === undefined ? '' : await core.namespaceOf(token)
  const outcome = await core.handler({
    verb: call.verb,
    path: call.path,
    data: call.data ?? emptyObject(),
    token: call.token,
    namespace: call.namespace ?? ofToken,
    wrapTtlSeconds: 0,
    clientAddress: call.clientAddress,
    clientPort: undefined,
    header: () => undefined,
    via: 'pages',
    listener: closedSwitches,
    signal: call.signal,
    get isGone() {
      return call.signal.aborted
    },
  })
  const { status, body, headers, requestId } = outcomeAnswer(outcome)
  const text = body === undefined ? '' : Buffer.from(body).toString('utf8')
  const parsed = parseJson(text, requestJsonLimits)
  const names = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    status,
    body: parsed.ok && isJsonObject(parsed.value) ? parsed.value : emptyObject(),
    headers: {
      ...(Object.fromEntries(names) as Record<string, string>),
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    },
    ...(outcome.kind === 'refusal' ? { refusal: textsOf(outcome.refusal) } : {}),
  }
}

function textsOf({ plainText, detail }: Refusal): RefusalTexts {
  return {
    text: plainText,
    happened: detail.happened?.text,
    compared: detail.happened?.compared(),
  }
}

/** What the address bar shows, as far as the request tells. */
function originOf({ isSecure, header }: WebRequest): string | undefined {
  const host = header('host') ?? ''
  if (!/^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(host)) return undefined
  const text = `${isSecure ? 'https' : 'http'}://${host}`
  return URL.canParse(text) ? new URL(text).origin : undefined
}

/**
 * Texts that leave the server and come back, such as the values of cookies: sealed by the barrier
 * as batch tokens are, so that every node and a restarted server can open them, and under purposes
 * of their own, so that none is a token.
 */
class SealedTexts {
  readonly #sealer: TextSealer
  readonly #clock: Clock

  constructor(sealer: TextSealer, clock: Clock) {
    this.#sealer = sealer
    this.#clock = clock
  }

  seal(text: string, purpose: string, expiresAtMs: number): string {
    return this.#sealer.sealText(`web ${purpose}`, `${expiresAtMs} ${text}`).toString('base64url')
  }

  open(sealed: string, purpose: string): string | undefined {
    const bytes = decodeBase64Url(sealed)
    const plain = bytes === undefined ? undefined : this.#opened(bytes, purpose)
    if (plain === undefined) return undefined
    const space = plain.indexOf(' ')
    const isAlive = Number(plain.slice(0, space)) > this.#clock.nowMs()
    return isAlive ? plain.slice(space + 1) : undefined
  }

  #opened(bytes: Buffer, purpose: string): string | undefined {
    try {
      return this.#sealer.openText(`web ${purpose}`, bytes)
    } catch (problem) {
      if (problem instanceof StoreSealed) return undefined
      throw problem
    }
  }
}
