/** Errors of the API as a command prints them (platform.md §9.6, ux.md §5.4). */

import { ApiError, ConnectionError } from '../client/api-error.ts'

/** `Error <doing>: …` in the layout that scripts know, then what helps to fix it. */
export function remoteErrorText(doing: string, cause: unknown): string {
  if (cause instanceof ApiError) return `${doing}: ${apiErrorText(cause)}`
  if (cause instanceof ConnectionError) {
    return `${doing}: ${cause.message}${cause.fix === undefined ? '' : `\n${cause.fix}`}`
  }
  throw cause
}

function apiErrorText(error: ApiError): string {
  const { method, status, url, text } = error.response
  const refusedLogin = error.loginReason !== undefined
  // A refused login says its sentence below, where it is not taken for a second error.
  const listed = refusedLogin ? error.errors.slice(0, 1) : error.errors
  const raw = error.response.json === undefined && text.trim() !== ''
  const body = raw ? text.trim().slice(0, 400) : listed.map((line) => `* ${line}`).join('\n')
  return [
    `Error making API request.\n`,
    `URL: ${method} ${url}`,
    `Code: ${status}. ${raw ? 'Raw Message' : 'Errors'}:\n`,
    ...(body === '' ? [] : [body]),
    ...(refusedLogin ? loginHint(error) : []),
  ].join('\n')
}

function loginHint(error: ApiError): string[] {
  const sentences = error.errors.slice(1)
  // The server's sentence names it already, unless it was told to say nothing.
  const explained = sentences.some((sentence) => sentence.includes(error.requestId ?? '\n'))
  const hint = error.requestId === undefined || explained ? [] : [`Request id: ${error.requestId}`]
  return [`\nReason: ${error.loginReason}`, ...sentences, ...hint]
}
