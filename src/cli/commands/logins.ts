/** `logins …`: what was decided about each login (explain.md §4, §7). */

import { objectsMember } from '../../client/secret.ts'
import { BoundedCache } from '../../lib/bounded-cache.ts'
import {
  isJsonObject,
  member,
  parseJson,
  requestJsonLimits,
  type JsonObject,
} from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goTextMember } from '../go-text.ts'
import { formatTable } from '../table.ts'

/** Between two questions of -follow. */
const followMs = 1000
/** Logins that are known to have been shown. */
const seenMax = 10_000
const eventLengthMax = 1_048_576

const filterFlags = [
  flag.text('mount', 'Logins at this mount.'),
  flag.text('role', 'Logins with this role.'),
  flag.text('decision', 'accepted, refused or broken_off.'),
  flag.text('reason', 'Logins refused for this reason.'),
] as const

export const tail: Command = {
  description: 'Shows the last logins, the newest at the end.',
  examples: [
    { title: 'The last twenty', line: 'logins tail' },
    { title: 'What is refused, as it happens', line: 'logins tail -decision=refused -follow' },
  ],
  flags: [
    ...filterFlags,
    flag.int('n', 'How many.', { defaultText: '20' }),
    flag.bool('follow', 'Go on with those that come.'),
  ],
  output: 'format',
  async run(context) {
    const count = context.flags.int('n') ?? 20
    const first = await newest(context, count)
    if (!context.print.isTable) return context.print.data(first.toReversed())
    const rows = first.toReversed().map(rowOf)
    if (rows.length > 0) context.print.line(formatTable(headings, rows))
    if (context.flags.bool('follow')) await follow(context, first)
    return exitCodes.ok
  },
}

/** Ends with the server's refusal. */
async function follow(context: CommandContext, first: readonly JsonObject[]): Promise<void> {
  const seen = new BoundedCache<string, true>(seenMax)
  const tell = (record: JsonObject): void => {
    const id = goTextMember(record, 'request_id')
    if (seen.get(id) === true) return
    seen.set(id, true)
    context.print.line(rowOf(record).join('    '))
  }
  for (const record of first) seen.set(goTextMember(record, 'request_id'), true)
  for (;;) {
    const hasStream = await watch(context, tell)
    await context.pause(followMs)
    if (hasStream) continue
    for (const record of (await newest(context, 1000)).toReversed()) tell(record)
  }
}

/** False when the server has no stream, or this token no right to it. */
async function watch(
  context: CommandContext,
  tell: (record: JsonObject) => void,
): Promise<boolean> {
  let text = ''
  let isOpen = false
  try {
    const query = filtersOf(context)
    await context.download(
      { method: 'GET', path: 'sys/logins/stream', query },
      async (chunk) => {
        // What was decided since the last look; from here on nothing is missed.
        if (!isOpen) for (const one of (await newest(context, 1000)).toReversed()) tell(one)
        isOpen = true
        const events = `${text}${chunk.toString('utf8')}`.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const record = recordOf(event)
          if (record !== undefined) tell(record)
        }
        if (text.length > eventLengthMax) throw new CommandFailure('an event has no end')
      },
      'Error watching sys/logins/stream',
    )
    return true
  } catch (cause) {
    const status = cause instanceof CommandFailure ? cause.status : undefined
    if (!isOpen && (status === 403 || status === 404 || status === 405)) return false
    throw cause
  }
}

function recordOf(event: string): JsonObject | undefined {
  const lines = event.split('\n')
  const data = lines.find((line) => line.startsWith('data: '))
  if (!lines.includes('event: login') || data === undefined) return undefined
  const parsed = parseJson(data.slice('data: '.length), requestJsonLimits)
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined
}

export const show: Command = {
  usage: '[options] REQUEST_ID',
  description: 'Shows one login by the request id of its answer.',
  examples: [
    { title: 'One login', line: 'logins show 0d7b1f0e-4a53-4a0b-9f39-5f2f7e2b8c11' },
    { title: 'Why it was refused', line: 'explain -id=0d7b1f0e-4a53-4a0b-9f39-5f2f7e2b8c11' },
  ],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const path = `sys/logins/${context.path(0)}`
    const secret = await context.read('GET', path, `Error reading ${path}`)
    return secret === undefined ? context.nothingFound(path) : context.show(secret)
  },
}

export const summary: Command = {
  description: 'Counts logins by mount, role, decision and reason.',
  examples: [
    { title: 'All that are kept', line: 'logins summary' },
    { title: 'Since this morning', line: 'logins summary -since=2026-11-28T06:00:00Z' },
  ],
  flags: [flag.text('since', 'RFC 3339 or seconds since 1970.')],
  output: 'format',
  async run(context) {
    const since = context.flags.text('since') ?? ''
    const query = since === '' ? [] : [['since', since] as const]
    const secret = await context.fetch(
      'GET',
      'sys/logins/summary',
      'Error reading sys/logins/summary',
      { query },
    )
    const counts = objectsMember(secret?.data, 'counts')
    if (!context.print.isTable) context.print.data([...counts])
    else {
      const names = ['count', 'mount', 'role', 'decision', 'reason', 'newest']
      const rows = counts.map((one) => names.map((name) => goTextMember(one, name)))
      context.print.line(
        formatTable(['Count', 'Mount', 'Role', 'Decision', 'Reason', 'Newest'], rows),
      )
      const dropped = goTextMember(secret?.data, 'dropped')
      if (dropped !== '0' && dropped !== '') {
        context.print.line(`${dropped} refused logins were not kept: there were too many a second.`)
      }
    }
    return exitCodes.ok
  },
}

const headings = ['Time', 'Decision', 'Mount', 'Role', 'Reason', 'Who', 'Request id']

function filtersOf({ flags }: CommandContext): readonly (readonly [string, string])[] {
  return filterFlags.flatMap(({ name }) => {
    const text = flags.text(name) ?? ''
    return text === '' ? [] : [[name, text] as const]
  })
}

async function newest(context: CommandContext, count: number): Promise<readonly JsonObject[]> {
  const limit = String(Math.min(Math.max(count, 1), 1000))
  const query = [['limit', limit] as const, ...filtersOf(context)]
  const secret = await context.fetch('GET', 'sys/logins', 'Error reading sys/logins', { query })
  return objectsMember(secret?.data, 'logins')
}

function rowOf(record: JsonObject): readonly string[] {
  const claims = member(record, 'claims')
  const subject = isJsonObject(claims) ? goTextMember(claims, 'sub') : ''
  return [
    goTextMember(record, 'time'),
    goTextMember(record, 'decision'),
    goTextMember(record, 'mount'),
    goTextMember(record, 'role'),
    goTextMember(record, 'reason') || '-',
    goTextMember(record, 'display_name') || subject || '-',
    goTextMember(record, 'request_id'),
  ]
}
