/** `policy …`: read, write and format policies. */

import { listKeys, textMember } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { goText } from '../go-text.ts'

export const policyList: Command = {
  description: 'Lists the names of the policies.',
  examples: [
    { title: 'List them', line: 'policy list' },
    { title: 'As a JSON array', line: 'policy list -format=json' },
  ],
  output: 'format',
  async run(context) {
    const secret = await context.fetch('GET', 'sys/policies/acl', 'Error listing policies', {
      query: [['list', 'true']],
    })
    const names = listKeys(secret) ?? []
    if (!context.print.isTable) context.print.data(names)
    else for (const name of names) context.print.line(goText(name))
    return exitCodes.ok
  },
}

export const policyRead: Command = {
  usage: '[options] NAME',
  description: 'Prints the text of a policy.',
  examples: [
    { title: 'Print it', line: 'policy read reader' },
    { title: 'Into a file', line: 'policy read reader > reader.hcl' },
  ],
  output: 'format',
  args: [1, 1],
  async run(context) {
    const name = policyName(context.args[0])
    const secret = await context.read(
      'GET',
      `sys/policies/acl/${name}`,
      `Error reading policy named ${name}`,
    )
    if (secret?.data === undefined) {
      context.print.error(`No policy named: ${name}`)
      return exitCodes.remote
    }
    const policy = textMember(secret.data, 'policy')
    return context.print.either(policy.trim(), { policy })
  },
}

export const policyWrite: Command = {
  usage: '[options] NAME PATH',
  description: 'Writes a policy from a file, or from standard input when PATH is -.',
  examples: [
    { title: 'From a file', line: 'policy write reader reader.hcl' },
    { title: 'From standard input', line: 'policy write reader -' },
  ],
  args: [2, 2],
  async run(context) {
    const name = policyName(context.args[0])
    const policy = await readText(context, context.args[1] ?? '')
    await context.perform('PUT', `sys/policies/acl/${name}`, 'Error uploading policy', {
      body: { policy },
    })
    return context.print.success(`Success! Uploaded policy: ${name}`)
  },
}

export const policyDelete: Command = {
  usage: '[options] NAME',
  description: 'Deletes a policy; tokens that name it lose what it granted at once.',
  examples: [
    { title: 'Delete one', line: 'policy delete reader' },
    { title: 'In another namespace', line: 'policy delete -namespace=team reader' },
  ],
  args: [1, 1],
  async run(context) {
    const name = policyName(context.args[0])
    await context.send('DELETE', `sys/policies/acl/${name}`, `Error deleting ${name}`)
    return context.print.success(`Success! Deleted policy: ${name}`)
  },
}

interface TextSources {
  readFile(path: string): Promise<string | undefined>
  readStdin(): Promise<string>
}

async function readText(sources: TextSources, path: string): Promise<string> {
  if (path === '-') return sources.readStdin()
  const text = await sources.readFile(path)
  if (text === undefined)
    throw new CommandFailure(`Error opening policy file: there is no file ${path}`)
  return text
}

/** Names are compared without case by the server; what is printed should be the name it keeps. */
function policyName(word: string | undefined): string {
  return (word ?? '').trim().toLowerCase()
}
