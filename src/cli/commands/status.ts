/** `status`: whether the server is sealed. Exit code 0 unsealed, 2 sealed, 1 not reachable. */

import { numberMember, objectOf } from '../../client/secret.ts'
import { emptyObject, isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { inClientForm, statusForm } from '../client-forms.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { goText } from '../go-text.ts'
import { formatTable } from '../table.ts'

export const status: Command = {
  description:
    'Prints whether the server is initialised and sealed. The exit code is 0 when it is unsealed, 2 when it is sealed and 1 when it cannot be asked.',
  examples: [
    { title: 'Ask the server of the environment', line: 'status' },
    { title: 'Ask another one', line: 'status -address=http://127.0.0.1:8200' },
  ],
  output: 'field',
  async run(context) {
    try {
      return await showStatus(context)
    } catch (cause) {
      // Here 2 means sealed, so that a failure of any kind must not read the same.
      if (cause instanceof CommandFailure) throw new CommandFailure(cause.message, exitCodes.local)
      throw cause
    }
  },
}

async function showStatus(context: CommandContext): Promise<number> {
  const seal = await ask(context, 'sys/seal-status', 'Error checking seal status')
  if (typeof member(seal, 'sealed') !== 'boolean') {
    throw new CommandFailure(
      'Error checking seal status: the answer is no seal status, so this is another server\nCheck the address: -address=URL or VAULT_ADDR.',
    )
  }
  const leader = await askLeader(context, member(seal, 'sealed') === true)
  const all = objectOf([...Object.entries(seal), ...Object.entries(leader)])
  const field = context.flags.text('field')
  if (field !== undefined && field !== '') {
    const exitCode = context.print.memberField(all, field)
    if (exitCode !== exitCodes.ok) return exitCode
  } else if (context.print.isTable) {
    context.print.line(sealTable(seal, leader))
  } else {
    context.print.data(sealData(all))
  }
  return member(seal, 'sealed') === true ? exitCodes.remote : exitCodes.ok
}

async function ask(context: CommandContext, path: string, doing: string): Promise<JsonObject> {
  // These paths exist in the root namespace only, and need no token.
  const response = await context.send('GET', path, doing, { namespace: '', token: '' })
  if (isJsonObject(response.json)) return response.json
  throw new CommandFailure(`${doing}: the answer is not a JSON object`)
}

async function askLeader(context: CommandContext, isSealed: boolean): Promise<JsonObject> {
  try {
    return await ask(context, 'sys/leader', 'Error checking leader status')
  } catch (cause) {
    // A sealed server of a cluster refuses this question, after it has said that it is sealed.
    if (isSealed && cause instanceof CommandFailure && cause.status === 503) return emptyObject()
    throw cause
  }
}

/** A seal status for programs; also what `operator unseal` prints. */
export function sealData(seal: JsonObject): JsonObject {
  return inClientForm(seal, statusForm)
}

/** The rows of a seal status; also what `operator unseal` prints. */
export function sealTable(seal: JsonObject, leader: JsonObject = emptyObject()): string {
  const sealed = member(seal, 'sealed') === true
  const text = (object: JsonObject, name: string) => goText(member(object, name) ?? '')
  const rows: [string, string][] = [
    ['Seal Type', text(seal, 'type')],
    ['Initialized', text(seal, 'initialized')],
    ['Sealed', text(seal, 'sealed')],
    ['Total Shares', text(seal, 'n')],
    ['Threshold', text(seal, 't')],
  ]
  if (sealed) {
    rows.push(
      ['Unseal Progress', `${numberMember(seal, 'progress')}/${numberMember(seal, 't')}`],
      ['Unseal Nonce', text(seal, 'nonce')],
    )
  }
  rows.push(['Version', text(seal, 'version')])
  // A server that knows no date of the commit still says when it was built.
  const commit = text(seal, 'commit_date')
  rows.push(commit === '' ? ['Build Date', text(seal, 'build_date')] : ['Commit Date', commit])
  rows.push(['Storage Type', text(seal, 'storage_type')])
  if (member(seal, 'cluster_name') !== undefined) {
    rows.push(
      ['Cluster Name', text(seal, 'cluster_name')],
      ['Cluster ID', text(seal, 'cluster_id')],
    )
  }
  if (member(leader, 'ha_enabled') !== undefined) {
    rows.push(['HA Enabled', text(leader, 'ha_enabled')])
    if (member(leader, 'ha_enabled') === true) rows.push(...clusterRows(leader))
  }
  return formatTable(['Key', 'Value'], rows)
}

function clusterRows(leader: JsonObject): [string, string][] {
  const active = member(leader, 'is_self') === true
  return [
    ['HA Cluster', goText(member(leader, 'leader_cluster_address') ?? '')],
    ['HA Mode', active ? 'active' : 'standby'],
    ['Active Node Address', goText(member(leader, 'leader_address') ?? '')],
  ]
}
