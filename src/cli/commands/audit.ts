/** `audit …`: the devices that record every request. */

import { objectOf, textMember } from '../../client/secret.ts'
import { isJsonObject } from '../../lib/json.ts'
import { trimEnd } from '../../lib/trim.ts'
import type { Command } from '../command.ts'
import { cleanPath, parentPath } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { parseTextValues } from '../key-values.ts'
import { formatTable } from '../table.ts'

export const auditList: Command = {
  description: 'Lists the audit devices.',
  examples: [
    { title: 'List them', line: 'audit list' },
    { title: 'With their options', line: 'audit list -detailed' },
  ],
  output: 'format',
  async run(context) {
    const { print } = context
    const secret = await context.fetch('GET', 'sys/audit', 'Error listing audits')
    const devices = secret?.data ?? {}
    if (!print.isTable) return print.data(devices)
    const paths = Object.keys(devices).sort()
    if (paths.length === 0) {
      print.line('No audit devices are enabled.')
      return exitCodes.remote
    }
    const rows = paths.map((path) => {
      const device = devices[path]
      if (!isJsonObject(device)) return [path]
      const row = [path, textMember(device, 'type'), textMember(device, 'description')]
      if (!print.detailed) return row
      const options = isJsonObject(device['options']) ? device['options'] : {}
      const words = Object.keys(options)
        .sort()
        .map((name) => `${name}=${textMember(options, name)}`)
      return [...row, device['local'] === true ? 'local' : 'replicated', words.join(' ')]
    })
    const header = ['Path', 'Type', 'Description']
    return print.line(
      formatTable(print.detailed ? [...header, 'Replication', 'Options'] : header, rows),
    )
  },
}

export const auditEnable: Command = {
  usage: '[options] TYPE [K=V...]',
  description: 'Enables an audit device. K=V words are its options.',
  examples: [
    {
      title: 'Record to a file',
      line: 'audit enable file file_path=/var/log/tokenstile-audit.log',
    },
    { title: 'At another path', line: 'audit enable -path=second file file_path=/mnt/audit.log' },
  ],
  flags: [
    flag.text('path', 'Where to mount it. Default: its type.'),
    flag.text('description', 'Words for people.'),
    flag.bool('local', 'Only on this cluster.'),
  ],
  args: [1, 1000],
  async run(context) {
    const type = context.path(0)
    const path = cleanPath(context.flags.text('path') ?? type)
    const options = objectOf([...(await parseTextValues(context.args.slice(1), context))])
    const body = {
      type,
      description: context.flags.text('description') ?? '',
      local: context.flags.bool('local'),
      options,
    }
    await context.perform('PUT', `sys/audit/${path}`, 'Error enabling audit device', { body })
    return context.print.success(
      `Success! Enabled the ${type} audit device at: ${parentPath(path)}`,
    )
  },
}

export const auditDisable: Command = {
  usage: '[options] PATH',
  description: 'Disables an audit device; nothing there is no error.',
  examples: [
    { title: 'Disable one', line: 'audit disable file' },
    { title: 'Disable the second', line: 'audit disable second' },
  ],
  args: [1, 1],
  async run(context) {
    const path = context.path(0)
    await context.send('DELETE', `sys/audit/${path}`, 'Error disabling audit device')
    return context.print.success(
      `Success! Disabled audit device (if it was enabled) at: ${parentPath(path)}`,
    )
  },
}

export const auditHash: Command = {
  usage: '[options] VALUE',
  description:
    'Gives what the records of a device show for a value. "-" reads it from standard input, where no list of processes shows it.',
  examples: [
    { title: 'Hash what another program prints', line: 'audit hash -' },
    { title: 'As another device does', line: 'audit hash -path=second carol' },
  ],
  flags: [flag.text('path', 'The device. Default: file.')],
  output: 'format',
  args: [1, 1],
  async run(context) {
    const [word = ''] = context.args
    const input = word === '-' ? trimEnd(await context.readStdin(), '\n') : word
    const path = cleanPath(context.flags.text('path') ?? 'file')
    const secret = await context.fetch('POST', `sys/audit-hash/${path}`, 'Error hashing', {
      body: { input },
    })
    const { print } = context
    const data = secret?.data ?? {}
    return print.either(textMember(data, 'hash'), data)
  },
}
