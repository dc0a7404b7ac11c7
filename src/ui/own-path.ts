/**
 * Addresses inside these pages: where a visitor may be sent after a sign-in, and how links are put
 * together.
 */

import { trimEnd, trimStart } from '../lib/trim.ts'

const pathCharsMax = 300
const base = 'https://own.invalid'

/**
 * The path and query when the text is one below `/ui/` and stays there however it is read;
 * undefined for everything else. Against open redirects (SEC-WEB-11).
 */
export function parseOwnPath(text: string): string | undefined {
  // Backslashes and control characters are read as slashes, or not at all, by some browsers.
  if (text.length > pathCharsMax || !/^\/ui\/[!-[\]-~]*$/.test(text)) return undefined
  if (!URL.canParse(text, base)) return undefined
  const url = new URL(text, base)
  if (url.origin !== base || !url.pathname.startsWith('/ui/')) return undefined
  return url.pathname + url.search
}

/** Where a page with the links for colours may be: here, or where the API asks about a sign-in. */
export function parsePagePath(text: string): string | undefined {
  const isAsking = text.length <= pathCharsMax && askingPath.test(text)
  return isAsking && URL.canParse(text, base) && new URL(text, base).pathname === text
    ? text
    : parseOwnPath(text)
}

/** It shows what a sealed cookie says, and takes no step without parameters. */
const askingPath = /^\/v1\/(?:[\w.@~-]+\/){0,16}?auth\/[\w.%~-][\w.%~/-]*\/oidc\/callback$/

/** The same for the end of a sign-in: not back into one, which could go round in circles. */
export function parseReturnPath(text: string): string | undefined {
  const path = parseOwnPath(text)
  if (path === undefined || /^\/ui\/(?:login|vault|theme|sign-out)(?:[/?]|$)/.test(path)) {
    return undefined
  }
  return path
}

/** A link with those parameters that are not empty. */
export function link(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== '') query.set(name, value)
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

const mountCharsMax = 128
/** The name with what may stand around it: spaces, `auth/`, slashes. */
const givenCharsMax = 256

/**
 * The name of an auth mount, without slashes at its ends, from what a person or an address says;
 * undefined if it is none.
 */
export function parseMountName(text: string): string | undefined {
  // What a stranger sends is measured before anything looks at it.
  if (text.length > givenCharsMax) return undefined
  const path = trimStart(text.trim(), '/')
  const name = trimEnd(path.startsWith('auth/') ? path.slice('auth/'.length) : path, '/')
  if (name === '' || name.length > mountCharsMax || /[\p{C}\\?#%*+]|\/\//u.test(name)) {
    return undefined
  }
  return name.split('/').some((part) => part === '.' || part === '..') ? undefined : name
}

const namespaceCharsMax = 512

/** The path of a namespace without slashes at its ends; undefined if it can be none. */
export function parseNamespace(text: string): string | undefined {
  if (text.length > namespaceCharsMax) return undefined
  const path = trimEnd(trimStart(text, '/'), '/')
  return /^[A-Za-z0-9_.@~/-]*$/.test(path) ? path : undefined
}

/** The mount inside an address. */
export function mountPath(mount: string): string {
  return mount.split('/').map(encodeURIComponent).join('/')
}
