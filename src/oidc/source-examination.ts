/**
 * What is wrong with where a mount's keys come from: its documents fetched anew, once each, under
 * the trust of its configuration. Nothing here fills a cache or counts as a login's fetch; the
 * findings stop at the first that the others rest on.
 */

import { parseJwkSet, type JwkSet } from '../jose/jwk.ts'
import { signatureAlgorithms, type SignatureAlgorithm } from '../jose/algorithms.ts'
import { keyKindsText } from '../jose/curves.ts'
import type { VerificationKey } from '../jose/verification-key.ts'
import { isFitting } from '../jose/verify.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import type { Outbound } from '../platform/outbound.ts'
import { readCaBundle } from './ca-bundle.ts'
import {
  checkJwksUri,
  discoveryDocumentUrl,
  parseDiscoveryDocument,
  type DiscoveryDocument,
} from './discovery.ts'
import { nameOf } from './key-verdict.ts'
import type { KeySourceSettings } from './key-source-config.ts'
import { ProviderCalls, type FetchedDocument, type FetchProblem } from './provider-calls.ts'

export interface Finding {
  readonly code: string
  readonly level: 'ok' | 'warn' | 'fail'
  readonly what: string
  /** Empty where nothing is to be done. */
  readonly fix: string
  /** Fields that mend it where it was found. */
  readonly change?: JsonObject
}

export interface SourceExamination {
  readonly findings: readonly Finding[]
  /** What was found of it; undefined where it could not be read. */
  readonly document: DiscoveryDocument | undefined
}

export interface ExaminedSource {
  readonly settings: KeySourceSettings
  /** Algorithms that the mount takes from tokens of it. */
  readonly algorithms: ReadonlySet<SignatureAlgorithm>
  /** The fields of its CA and its address, by which it is mended. */
  readonly fields: { readonly ca: string; readonly address: string }
}

const timeoutMs = 5_000
/** Whole seconds of a Date header, and the way here, are no difference. */
const clockToleranceMs = 5_000
/** The leeway of most checks. */
const clockDifferenceMsMax = 60_000

export async function examineSource(
  source: ExaminedSource,
  doors: { readonly outbound: Outbound; readonly clock: Clock },
): Promise<SourceExamination> {
  const { settings } = source
  const calls = new ProviderCalls(doors.outbound, settings)
  switch (settings.kind) {
    case 'static': {
      const findings = algorithmFindings(source, settings.keys)
      return { findings: [done('keys', keysText(settings.keys)), ...findings], document: undefined }
    }
    case 'jwks_url':
      return examineKeySet(source, settings.url, settings.caPem, { calls, clock: doors.clock })
    case 'jwks_pairs': {
      const each = await Promise.all(
        settings.pairs.map((pair) =>
          examineKeySet(source, pair.jwks_url, pair.jwks_ca_pem, { calls, clock: doors.clock }),
        ),
      )
      return { findings: each.flatMap(({ findings }) => findings), document: undefined }
    }
    case 'discovery':
      return examineDiscovery(source, settings, { calls, clock: doors.clock })
    case 'kubernetes':
      // Its address and its credential belong to the pod: its own check says what is wrong.
      return { findings: [], document: undefined }
  }
}

interface Doors {
  readonly calls: ProviderCalls
  readonly clock: Clock
}

async function examineDiscovery(
  source: ExaminedSource,
  { issuer, caPem, isSlashTolerant }: Extract<KeySourceSettings, { kind: 'discovery' }>,
  { calls, clock }: Doors,
): Promise<SourceExamination> {
  const url = discoveryDocumentUrl(issuer)
  const answer = await calls.getDocument({ url, ca: readCaBundle(caPem), timeoutMs })
  if (!answer.ok) {
    const finding = fetchFinding('discovery', answer.error, source)
    return { findings: [finding], document: undefined }
  }
  const read = parseDiscoveryDocument(answer.value.text, { kind: 'any' })
  if (!read.ok) {
    const fix = `See what is at ${url}: it has to be the discovery document of the issuer.`
    const finding = failed('discovery_malformed', `${url}: ${read.error.detail}.`, fix)
    return { findings: [finding], document: undefined }
  }
  const document = read.value
  const found = [
    done('discovery', `${url} answered.`),
    ...clockFindings(answer.value, clock, url),
    ...issuerFindings(source, issuer, isSlashTolerant, document.issuer),
  ]
  const uri = checkJwksUri(document, url)
  if (!uri.ok) {
    const fix = 'Have the provider publish a jwks_uri, or give the mount jwks_url.'
    return { findings: [...found, failed('jwks_uri_missing', `${uri.error}.`, fix)], document }
  }
  const keys = await examineKeySet(source, uri.value, caPem, { calls, clock })
  return { findings: [...found, ...keys.findings], document }
}

function issuerFindings(
  { fields }: ExaminedSource,
  expected: string,
  isSlashTolerant: boolean,
  issuer: string,
): readonly Finding[] {
  if (issuer === expected || (isSlashTolerant && issuer === `${expected}/`)) return []
  const isSlash = issuer === `${expected}/` || expected === `${issuer}/`
  const how = isSlash ? ' They differ by the slash at the end.' : ''
  return [
    {
      code: 'issuer_differs',
      level: 'fail',
      what: `The discovery document is of the issuer ${JSON.stringify(issuer)}; the mount has ${JSON.stringify(expected)}.${how}`,
      fix: 'Use the issuer that the document names, if it is the one that is meant.',
      change: { [fields.address]: issuer },
    },
  ]
}

async function examineKeySet(
  source: ExaminedSource,
  url: string,
  caPem: string,
  { calls, clock }: Doors,
): Promise<SourceExamination> {
  const answer = await calls.getDocument({ url, ca: readCaBundle(caPem), timeoutMs })
  const document = undefined
  if (!answer.ok) return { findings: [fetchFinding('jwks', answer.error, source)], document }
  const set = parseJwkSet(answer.value.text)
  if (!set.ok) {
    const fix = `See what is at ${url}: it has to be a JWK Set, {"keys": […]}.`
    const finding = failed('jwks_malformed', `${url}: ${set.error.detail}.`, fix)
    return { findings: [finding], document }
  }
  const isDiscovered = source.settings.kind === 'discovery'
  return {
    document,
    findings: [
      ...keyFindings(source, url, set.value),
      // The document of the discovery came from the same clock.
      ...(isDiscovered ? [] : clockFindings(answer.value, clock, url)),
    ],
  }
}

function keyFindings(
  source: ExaminedSource,
  url: string,
  { keys, passedOver }: JwkSet,
): readonly Finding[] {
  if (keys.length > 0) return [done('keys', keysText(keys)), ...algorithmFindings(source, keys)]
  if (passedOver.length === 0) {
    const fix = 'Have the provider publish its signing keys, or correct the address of the key set.'
    return [failed('keys_none', `${url} is a key set without any key.`, fix)]
  }
  const [first] = passedOver
  const why = `Key ${nameOf(first?.kid)}: ${first?.why ?? ''}`
  return [
    failed(
      'keys_unusable',
      `None of the ${passedOver.length} keys at ${url} can verify a signature. ${why}.`,
      `Have the provider publish public keys for signatures: ${keyKindsText}.`,
    ),
  ]
}

function algorithmFindings(
  { algorithms }: ExaminedSource,
  keys: readonly VerificationKey[],
): readonly Finding[] {
  const offered = signatureAlgorithms.filter((alg) => keys.some((key) => isFitting(key, alg)))
  if (offered.some((alg) => algorithms.has(alg))) return []
  return [
    {
      code: 'algorithms_disjoint',
      level: 'fail',
      what: `The keys sign with ${usual(offered).join(' or ')}; the mount takes ${[...algorithms].join(', ')}.`,
      fix: 'Allow the algorithm that the keys are for.',
      change: { jwt_supported_algs: usual(offered) },
    },
  ]
}

/** Of an RSA key that serves six, the one that everybody uses. */
function usual(offered: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[] {
  const isRsa = offered.includes('RS256')
  return isRsa ? offered.filter((alg) => !/^(?:RS(?!256)|PS)/.test(alg)) : offered
}

function clockFindings(
  { serverTimeMs }: FetchedDocument,
  clock: Clock,
  url: string,
): readonly Finding[] {
  if (serverTimeMs === undefined) return []
  const differenceMs = serverTimeMs - clock.nowMs()
  const seconds = Math.round(Math.abs(differenceMs) / 1000)
  if (Math.abs(differenceMs) <= clockToleranceMs) {
    return [done('clock', 'The clock of the provider and that of this server agree.')]
  }
  const isTooMuch = Math.abs(differenceMs) > clockDifferenceMsMax
  return [
    {
      code: 'clock_differs',
      level: isTooMuch ? 'fail' : 'warn',
      what: `The clock at ${url} is ${seconds} s ${differenceMs > 0 ? 'ahead of' : 'behind'} that of this server.`,
      fix: 'Set the clock that is wrong: timedatectl set-ntp true, on the machine of this server or of the provider.',
    },
  ]
}

/** What to do about a document that did not come, by the cause that the outbound door names. */
function fetchFinding(
  what: 'discovery' | 'jwks',
  { reason, detail, kind }: FetchProblem,
  { fields }: ExaminedSource,
): Finding {
  const text = `${detail}.`
  switch (reason) {
    case 'ca_unreadable':
      return failed('ca_unreadable', text, `Write certificates in PEM into ${fields.ca}.`)
    case 'status':
      return failed(
        `${what}_status`,
        text,
        'Open that address from the machine of this server: is it the one that the provider documents?',
      )
    case 'not_json':
    case 'no_keys':
      return failed(
        `${what}_not_json`,
        text,
        'Open that address from the machine of this server: a page in place of the document is from a proxy, a sign-in wall, or another host.',
      )
    case 'unreachable':
      return unreachable(what, text, kind, fields)
  }
}

function unreachable(
  what: string,
  text: string,
  kind: FetchProblem['kind'],
  { ca }: ExaminedSource['fields'],
): Finding {
  switch (kind) {
    case 'tls':
      return {
        ...failed(
          'tls_refused',
          text,
          `If the provider has a CA of its own, give the mount that CA's certificate in ca.pem; otherwise have the provider renew its certificate.`,
        ),
        change: { [ca]: '@ca.pem' },
      }
    case 'address_refused':
      return failed(
        'egress_refused',
        text,
        'Let the server call that address: outbound { allow_networks = […] } in its configuration file.',
      )
    case 'timeout':
      return failed(`${what}_slow`, text, 'See whether a firewall drops the packets to that host.')
    case 'redirect_refused':
      return failed(
        `${what}_redirected`,
        text,
        'Give the mount the address that the redirect leads to: keys are not taken from another origin.',
      )
    case 'body_too_large':
      return failed(
        `${what}_too_large`,
        text,
        'See what is at that address: it is no such document.',
      )
    default:
      return failed(
        `${what}_unreachable`,
        text,
        'See that the name resolves and the port is open from the machine of this server: curl -v that address.',
      )
  }
}

function keysText(keys: readonly VerificationKey[]): string {
  const names = keys.slice(0, 8).map(({ kid, kind }) => `${nameOf(kid)} ${kind}`)
  return `${keys.length} ${keys.length === 1 ? 'key' : 'keys'}: ${names.join(', ')}${keys.length > 8 ? ' …' : ''}.`
}

function done(code: string, what: string): Finding {
  return { code, level: 'ok', what, fix: '' }
}

function failed(code: string, what: string, fix: string): Finding {
  return { code, level: 'fail', what, fix }
}
