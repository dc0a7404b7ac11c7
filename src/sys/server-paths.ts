/** sys/host-info, in-flight-req, loggers, version-history (platform.md §2.11). */

import type {
  ClockPort,
  InFlightPort,
  LoggerPort,
  SettingsPort,
} from '../core/ports/system-ports.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { emptyObject, type JsonValue } from '../lib/json.ts'
import { rfc3339 } from '../lib/time.ts'
import { readHost } from '../platform/host.ts'
import { logLevels, type LogLevel } from '../platform/logger.ts'
import { field } from '../schema/field.ts'

type ServerPorts = ClockPort & InFlightPort & LoggerPort & SettingsPort

/** There is one logger, and all of the server speaks through it. */
const loggerName = 'core'

const levelField = field.lowerString({ help: 'trace, debug, info, warn or error.', charsMax: 16 })

export function serverPaths(ports: ServerPorts): readonly PathDeclaration[] {
  const initialLevel = levelOf(ports)
  const setLevel = (text: string) => ports.logger.setLevel(requireLevel(text))
  return [
    definePath({
      pattern: 'host-info',
      access: 'token',
      summary: 'The machine that this server runs on.',
      fields: {},
      operations: { read: { summary: 'Read it.', handler: async () => reply.data(host(ports)) } },
    }),
    definePath({
      pattern: 'in-flight-req',
      access: 'token',
      summary: 'Requests that this server is working on.',
      duplicateData: true,
      fields: {},
      operations: {
        read: { summary: 'List them.', handler: async () => reply.data(inFlight(ports)) },
      },
    }),
    definePath({
      pattern: 'loggers',
      access: 'token',
      summary: 'How much the server says in its log.',
      fields: { level: levelField },
      operations: {
        read: {
          summary: 'Read the levels.',
          handler: async () => reply.data({ [loggerName]: levelOf(ports) }),
        },
        write: {
          summary: 'Set the level.',
          handler: async ({ input }) => {
            setLevel(input.level ?? '')
            return reply.none()
          },
        },
        delete: {
          summary: 'Go back to the level of the start.',
          handler: async () => {
            ports.logger.setLevel(initialLevel)
            return reply.none()
          },
        },
      },
    }),
    definePath({
      pattern: 'loggers/:name',
      access: 'token',
      summary: 'How much one logger says.',
      fields: {
        name: field.name({ help: 'Name of the logger; there is "core" alone.', charsMax: 64 }),
        level: levelField,
      },
      operations: {
        read: {
          summary: 'Read its level.',
          handler: async ({ input }) => {
            requireLogger(input.name)
            return reply.data({ [loggerName]: levelOf(ports) })
          },
        },
        write: {
          summary: 'Set its level.',
          handler: async ({ input }) => {
            requireLogger(input.name)
            setLevel(input.level ?? '')
            return reply.none()
          },
        },
        delete: {
          summary: 'Go back to the level of the start.',
          handler: async ({ input }) => {
            requireLogger(input.name)
            ports.logger.setLevel(initialLevel)
            return reply.none()
          },
        },
      },
    }),
    definePath({
      pattern: 'version-history',
      access: 'token',
      summary: 'The version that is running.',
      fields: {},
      operations: {
        list: {
          summary: 'List it.',
          handler: async () => {
            const { reportedVersion, buildDate } = ports.settings
            const info = { previous_version: null, build_date: buildDate }
            return reply.list([reportedVersion], { [reportedVersion]: info })
          },
        },
      },
    }),
  ]
}

function levelOf({ logger }: LoggerPort): LogLevel {
  return logLevels.find((level) => logger.isEnabled(level)) ?? 'error'
}

function requireLevel(text: string): LogLevel {
  const level = logLevels.find((one) => one === text)
  if (level === undefined) throw invalid(`"level" must be one of ${logLevels.join(', ')}`)
  return level
}

function requireLogger(name: string | undefined): void {
  if (name !== loggerName) throw new Refusal('not_found')
}

function inFlight({ inFlight: requests }: InFlightPort) {
  const found: Record<string, JsonValue> = emptyObject()
  for (const [id, { request, startedAtMs }] of requests.entries()) {
    const { clientAddress = '', clientPort, verb, path } = request
    found[id] = {
      start_time: rfc3339(startedAtMs),
      client_remote_address:
        clientPort === undefined ? clientAddress : `${clientAddress}:${clientPort}`,
      request_path: `/v1/${path}`,
      request_method: verb,
      client_id: '',
    }
  }
  return found
}

function host({ clock }: ClockPort) {
  const facts = readHost()
  const { memoryTotalBytes: total, memoryFreeBytes: free } = facts
  return {
    timestamp: rfc3339(clock.nowMs()),
    host: {
      hostname: facts.hostname,
      os: facts.os,
      kernelVersion: facts.kernelVersion,
      kernelArch: facts.kernelArch,
      uptime: facts.uptimeSeconds,
      load: facts.load,
    },
    cpu: facts.processors.map(({ model, mhz }, cpu) => ({ cpu, modelName: model, mhz })),
    memory: { total, free, available: free, used: total - free },
  }
}
