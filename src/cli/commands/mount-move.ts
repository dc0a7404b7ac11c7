/**
 * `auth move` and `secrets move`: gives a mount another path and waits until the server has moved
 * it.
 */

import { objectMember, textMember } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { parentPath, type CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { authKind, secretsKind, type MountKind } from './mounts.ts'

const movePauseMs = 500
const movePollsMax = 1200

function moveMount(kind: MountKind): Command {
  return {
    usage: '[options] SOURCE DESTINATION',
    description: `Moves the ${kind.noun} at SOURCE to DESTINATION and waits until it is done.`,
    examples: [
      { title: 'Give it another path', line: `${kind.group} move ${kind.exampleType} corp` },
      {
        title: 'A deeper one',
        line: `${kind.group} move ${kind.exampleType} team/${kind.exampleType}`,
      },
    ],
    args: [2, 2],
    async run(context) {
      const from = kind.prefix + parentPath(withoutPrefix(context.path(0), kind))
      const to = kind.prefix + parentPath(withoutPrefix(context.path(1), kind))
      const secret = await context.fetch(
        'POST',
        'sys/remount',
        `Error moving ${kind.noun} ${from} to ${to}`,
        { body: { from, to } },
      )
      const id = secret?.data === undefined ? '' : textMember(secret.data, 'migration_id')
      // Old servers move at once and answer nothing.
      if (id !== '') await awaitMove(context, id, `${kind.noun} ${from} to ${to}`)
      return context.print.success(
        `Success! Finished moving ${kind.noun} ${from} to ${to}${id === '' ? '' : `, with migration ID ${id}`}`,
      )
    },
  }
}

async function awaitMove(context: CommandContext, id: string, what: string): Promise<void> {
  context.print.success(`Started moving ${what}, with migration ID ${id}`)
  for (let poll = 0; poll < movePollsMax; poll++) {
    const secret = await context.fetch(
      'GET',
      `sys/remount/status/${id}`,
      `Error checking the move of ${what}`,
    )
    const info =
      secret?.data === undefined ? undefined : objectMember(secret.data, 'migration_info')
    const status = info === undefined ? '' : textMember(info, 'status')
    if (status === 'success') return
    if (status === 'failure') {
      throw new CommandFailure(
        `Failure! Error moving ${what}, with migration ID ${id}`,
        exitCodes.remote,
      )
    }
    await context.pause(movePauseMs)
  }
  throw new CommandFailure(
    `The move of ${what} is still going on; its migration ID is ${id}`,
    exitCodes.remote,
  )
}

function withoutPrefix(path: string, kind: MountKind): string {
  return path.startsWith(kind.prefix) ? path.slice(kind.prefix.length) : path
}

export const authMove = moveMount(authKind)
export const secretsMove = moveMount(secretsKind)
