/** `lease …`: look at, renew and revoke leases. */

import type { Command } from '../command.ts'
import { cleanPath } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'

export const leaseLookup: Command = {
  usage: '[options] ID',
  description: 'Prints what the server knows about a lease.',
  examples: [
    { title: 'A lease', line: 'lease lookup auth/jwt/login/h5f2...' },
    { title: 'As JSON', line: 'lease lookup -format=json auth/jwt/login/h5f2...' },
  ],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const body = { lease_id: cleanPath(context.args[0] ?? '') }
    const secret = await context.fetch(
      'PUT',
      'sys/leases/lookup',
      `Error looking up lease id ${body.lease_id}`,
      { body },
    )
    return secret === undefined ? context.nothingFound(body.lease_id) : context.show(secret)
  },
}

export const leaseRenew: Command = {
  usage: '[options] ID',
  description: 'Extends a lease.',
  examples: [
    { title: 'A lease', line: 'lease renew database/creds/app/2f6a614c' },
    { title: 'By an hour', line: 'lease renew -increment=1h database/creds/app/2f6a614c' },
  ],
  flags: [flag.duration('increment', 'How long it should last from now on.', { aliases: ['i'] })],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const leaseId = cleanPath(context.args[0] ?? '')
    const increment = context.flags.seconds('increment') ?? 0
    const secret = await context.fetch(
      'PUT',
      'sys/leases/renew',
      `Error renewing lease ${leaseId}`,
      { body: { increment, lease_id: leaseId } },
    )
    return secret === undefined ? context.nothingFound(leaseId) : context.show(secret)
  },
}

export const leaseRevoke: Command = {
  usage: '[options] ID',
  description: 'Ends a lease, or with -prefix all whose ids begin with ID.',
  examples: [
    { title: 'One lease', line: 'lease revoke database/creds/app/2f6a614c' },
    { title: 'All of a mount', line: 'lease revoke -prefix auth/jwt' },
  ],
  flags: [
    flag.bool('prefix', 'ID is a prefix.'),
    flag.bool(
      'force',
      'Forget the leases even if the engine cannot end what they stand for. Only with -prefix.',
      { aliases: ['f'] },
    ),
    flag.bool('sync', 'Wait until it is done.'),
  ],
  args: [1, 1],
  async run(context) {
    const { flags, print } = context
    const leaseId = cleanPath(context.args[0] ?? '')
    const [prefix, force, sync] = [flags.bool('prefix'), flags.bool('force'), flags.bool('sync')]
    if (force && !prefix)
      throw new CommandFailure('Specifying -force requires also specifying -prefix')
    const verb = force ? 'revoke-force' : prefix ? 'revoke-prefix' : 'revoke'
    await context.send(
      'PUT',
      `sys/leases/${verb}/${leaseId}`,
      `Error revoking lease ${leaseId}`,
      force ? {} : { body: { sync } },
    )
    if (force) print.success(`Success! Force revoked any leases with prefix: ${leaseId}`)
    else if (!sync) print.success('All revocation operations queued successfully!')
    else if (prefix) print.success(`Success! Revoked any leases with prefix: ${leaseId}`)
    else print.success(`Success! Revoked lease: ${leaseId}`)
    return exitCodes.ok
  },
}
