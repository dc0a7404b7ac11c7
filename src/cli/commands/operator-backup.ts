/** `operator backup`, `restore`, `check`: copies of a store, and whether a store is whole. */

import { goText } from '../go-text.ts'
import { BackupCheck, type BackupHeader } from '../../lib/backup-format.ts'
import { isJsonArray, member } from '../../lib/json.ts'
import { createPrivateFile, standardOutput } from '../../platform/byte-file.ts'
import type { Command } from '../command.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { formatColumns } from '../table.ts'

export const backup: Command = {
  usage: '[options] FILE',
  description:
    'Takes a backup of the store of a running server into a new file, or with - to standard output. It is consistent, and sealed as the store is: to use it takes the unseal keys of when it was taken.',
  examples: [
    { title: 'Into a file', line: 'operator backup store-2026-11-28.backup' },
    { title: 'To another machine', line: 'operator backup - | ssh backups "cat > store.backup"' },
  ],
  output: 'format',
  args: [1, 1],
  async run(context) {
    const [path = ''] = context.args
    const toOutput = path === '-'
    const sink = toOutput ? standardOutput() : await createPrivateFile(path)
    const check = new BackupCheck()
    try {
      await context.download(
        { method: 'GET', path: 'sys/storage/backup' },
        async (chunk) => {
          check.add(chunk)
          await sink.write(chunk)
        },
        'Error taking a backup',
      )
      const checked = check.end()
      if (!checked.ok) {
        throw new CommandFailure(`What came ${checked.error}.`, exitCodes.remote)
      }
      await sink.finish()
      if (toOutput) return exitCodes.ok
      const { header } = checked.value
      return context.print.either(headerText(header, path), { ...header, file: path })
    } catch (cause) {
      await sink.discard()
      throw cause
    }
  },
}

export const restore: Command = {
  usage: '[options] FILE',
  description:
    'Makes a data folder from a backup, for a server that does not run yet. The backup is checked first: a damaged or foreign one is refused before anything is written. Revocations made after the backup are lost; batch tokens made before the restore are void.',
  examples: [
    { title: 'Into a new folder', line: 'operator restore -path=/srv/vault/data store.backup' },
    {
      title: 'Only if it is of that store',
      line: 'operator restore -path=data -store=6f1c6d0e-1d5c-4f0e-8f0a-0c7f9d2f9b1e store.backup',
    },
  ],
  flags: [
    flag.text('path', 'The data folder to make; absent or empty so far.'),
    flag.text('store', 'Refuse the backup of any other store than this one.'),
  ],
  kind: 'local',
  output: 'format',
  args: [1, 1],
  async run(context) {
    const [file = ''] = context.args
    const folder = context.flags.text('path') ?? ''
    if (folder === '') throw new CommandFailure('Name the data folder to make with -path')
    const store = context.flags.text('store')
    const header = await context.restoreStore({
      file,
      folder,
      ...(store === undefined || store === '' ? {} : { store }),
    })
    if (!context.print.isTable) return context.print.data({ ...header, path: folder })
    context.print.line(headerText(header, folder))
    return context.print.line(
      [
        '',
        'It opens with the unseal keys, or the key of its seal, of when the backup was taken.',
        `What was revoked after ${header.created} is valid again: revoke it once more.`,
        'Batch tokens made until now are void.',
      ].join('\n'),
    )
  },
}

export const check: Command = {
  description:
    'Reads the whole store of a running server and says whether it is whole: every sealed record opens, every token has its expiry key, no index names what is not there.',
  examples: [
    { title: 'The server of the environment', line: 'operator check' },
    { title: 'For a script', line: 'operator check -format=json' },
  ],
  output: 'format',
  async run(context) {
    const secret = await context.fetch('GET', 'sys/storage/check', 'Error checking the store')
    const data = secret?.data ?? {}
    const problems = member(data, 'problems')
    const found = isJsonArray(problems) ? problems : []
    const isWhole = member(data, 'problem_count') === 0
    if (!context.print.isTable) context.print.data(data)
    else {
      const count = (name: string) => goText(member(data, name) ?? '')
      context.print.line(
        formatColumns([
          ['Records', count('records')],
          ['Tokens', count('tokens')],
          ['Index rows', count('index_rows')],
          ['Problems', count('problem_count')],
        ]),
      )
      for (const problem of found) context.print.line(`* ${goText(problem)}`)
    }
    return isWhole ? exitCodes.ok : exitCodes.remote
  },
}

function headerText(header: BackupHeader, path: string): string {
  return formatColumns([
    ['Path', path],
    ['Store', header.store],
    ['Cluster ID', header.cluster_id],
    ['Created', header.created],
    ['Bytes', String(header.bytes)],
  ])
}
