/** Errors of the API as a command prints them (platform.md §9.6, ux.md §5.4). */

import { ApiError, ConnectionError } from '../client/api-error.ts'
import { isStockName } from './program-names.ts'
import type { Advice } from './refusal-advice.ts'

export interface ShownError {
  /** Begins the text, for instance `Error reading secret/a`. */
  readonly doing: string
  readonly programName: string
  readonly advice?: Advice | undefined
}

/**
 * `Error <doing>: …`, then what helps to fix it. Under the names of the existing clients it has the
 * layout that scripts know; under our own the first line says it all.
 */
export function remoteErrorText(shown: ShownError, cause: unknown): string {
  if (cause instanceof ApiError) {
    return isStockName(shown.programName) ? stockText(shown, cause) : plainText(shown, cause)
  }
  if (cause instanceof ConnectionError) {
    return `${shown.doing}: ${cause.message}${cause.fix === undefined ? '' : `\n${cause.fix}`}`
  }
  throw cause
}

function stockText({ advice, doing }: ShownError, error: ApiError): string {
  const { method, status, url } = error.response
  const raw = rawText(error)
  const body = raw ?? listedErrors(error).map((line) => `* ${line}`)
  return [
    `${doing}: Error making API request.\n`,
    `URL: ${method} ${url}`,
    `Code: ${status}. ${raw === undefined ? 'Errors' : 'Raw Message'}:\n`,
    ...body,
    ...(error.loginReason === undefined ? [] : ['', ...loginHint(error)]),
    ...(advice === undefined ? [] : [`${sentenceOf(advice.what)} ${advice.fix}`]),
  ].join('\n')
}

function plainText({ advice, doing }: ShownError, error: ApiError): string {
  const { method, status, url } = error.response
  const [first = `the server answered ${status}`, ...more] =
    rawText(error) ?? listedErrors(error).flatMap(linesOf)
  return [
    `${doing}: ${advice?.what ?? first}`,
    ...(advice === undefined ? more.map((line) => `  ${line}`) : [advice.fix]),
    ...(error.loginReason === undefined ? [] : loginHint(error)),
    `(${status} from ${method} ${url})`,
  ].join('\n')
}

/** The start of an answer that is no JSON. */
function rawText(error: ApiError): readonly string[] | undefined {
  const text = error.response.text.trim()
  return error.response.json === undefined && text !== '' ? [text.slice(0, 400)] : undefined
}

/** A refused login says its sentence below, where it is not taken for a second error. */
function listedErrors(error: ApiError): readonly string[] {
  return error.loginReason === undefined ? error.errors : error.errors.slice(0, 1)
}

/** The lines of one error; those that only count and mark a list of errors are left out. */
function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/^\* /u, ''))
    .filter((line) => line !== '' && !/^\d{1,4} errors? occurred:$/u.test(line))
}

function loginHint(error: ApiError): readonly string[] {
  const sentences = error.errors.slice(1)
  // The server's sentence names it already, unless it was told to say nothing.
  const explained = sentences.some((sentence) => sentence.includes(error.requestId ?? '\n'))
  const hint = error.requestId === undefined || explained ? [] : [`Request id: ${error.requestId}`]
  return [`Reason: ${error.loginReason}`, ...sentences, ...hint]
}

function sentenceOf(what: string): string {
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}.`
}
