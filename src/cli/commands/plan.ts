/**
 * `export`, `plan` and `apply`: roles and policies as files, for review (explain.md §5). A file is
 * `policies/NAME.hcl` or `auth/MOUNT/role/NAME.json`, in the form in which the server reads it out.
 */

import { createHash } from 'node:crypto'
import { isJsonObject, parseJson, requestJsonLimits, type JsonObject } from '../../lib/json.ts'
import { listKeys, objectOf, textMember } from '../../client/secret.ts'
import { userFilesBelow, writeUserFileBelow } from '../../platform/user-files.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goText } from '../go-text.ts'
import { formatJson } from '../json-text.ts'
import { loginMounts } from '../login-mounts.ts'
import { drawnPreview, isSafe, requirePreview } from '../preview-text.ts'

/** Somebody would lose, or a write would be refused. */
const risky = 3

/** What one file says, and where it is written to. */
interface Piece {
  readonly path: string
  readonly body: JsonObject
}

export const exportFiles: Command = {
  usage: '[options] DIR',
  description:
    'Writes the policies, and the roles of all mounts of the methods jwt and oidc, as files below a directory: policies/NAME.hcl and auth/MOUNT/role/NAME.json. Files that are there already are overwritten, and none is removed. A name that is too long for a file stands in a file that is named by its hash.',
  examples: [
    { title: 'Into a checkout', line: 'export access' },
    { title: 'And see what is different', line: 'plan access' },
  ],
  args: [1, 1],
  async run(context) {
    const folder = context.args[0] ?? ''
    let count = 0
    for (const name of await namesAt(context, 'sys/policies/acl')) {
      if (name === 'root') continue
      const data = await readAt(context, `sys/policies/acl/${name}`)
      const { name: _, ...fields } = data
      // What a text alone does not say goes with it.
      const isText = Object.keys(fields).length === 1
      const file = pieceFile(name, isText ? 'hcl' : 'json')
      const text =
        isText && file.named === undefined
          ? textMember(data, 'policy')
          : `${formatJson({ ...file.named, ...fields })}\n`
      await writeUserFileBelow(folder, `policies/${file.name}`, text)
      count++
    }
    let passedOver = 0
    for (const mount of await loginMounts(context)) {
      const mountFile = pieceFile(mount, '')
      for (const name of await namesAt(context, `auth/${mount}/role`)) {
        if (mountFile.named !== undefined) {
          context.print.warn(`auth/${mount}/role/${name} has too long a mount for a file`)
          passedOver++
          continue
        }
        const data = await readAt(context, `auth/${mount}/role/${name}`)
        const file = pieceFile(name, 'json')
        // What is not set reads as null, and is left out: written, it would be an empty value.
        const set = Object.entries(data).filter(([, value]) => value !== null)
        const body = { ...file.named, ...objectOf(set) }
        const path = `auth/${mountFile.name}/role/${file.name}`
        await writeUserFileBelow(folder, path, `${formatJson(body)}\n`)
        count++
      }
    }
    if (passedOver > 0) {
      context.print.error(`${count} files below ${folder}; ${passedOver} roles were passed over`)
      return exitCodes.local
    }
    return context.print.success(`${count} files below ${folder}`)
  },
}

export const plan: Command = {
  usage: '[options] DIR',
  description:
    'Reads the roles and policies of a directory, as export writes them, and shows what writing them would change, what is risky, and who would gain or lose. Nothing is written. The exit code is 0 when nobody would lose, 3 when somebody would, when that cannot be told of somebody, or a write would be refused, and 2 when the server could not be asked.',
  examples: [
    { title: 'As a check of a pull request', line: 'plan access' },
    { title: 'For a program', line: 'plan -format=json access' },
  ],
  output: 'format',
  args: [1, 1],
  async run(context) {
    const previews = await previewsOf(context, await piecesBelow(context, context.args[0] ?? ''))
    if (!context.print.isTable) {
      context.print.data(previews.map(({ path, data }) => ({ path, ...data })))
    } else {
      for (const { path, data } of previews) {
        for (const line of drawnPreview(path, data)) context.print.line(line)
      }
    }
    return previews.every(({ data }) => isSafe(data)) ? exitCodes.ok : risky
  },
}

export const apply: Command = {
  usage: '[options] DIR',
  description:
    'Writes the roles and policies of a directory, policies first. When one of them would be refused, or somebody would lose by one or it cannot be told, nothing is written; -lose takes the latter two. They are written one after another, each whole.',
  examples: [
    { title: 'After a look', line: 'plan access' },
    { title: 'Also where somebody loses', line: 'apply -lose access' },
  ],
  flags: [flag.bool('lose', 'Write also what somebody would or might lose by.')],
  args: [1, 1],
  async run(context) {
    const pieces = await piecesBelow(context, context.args[0] ?? '')
    const previews = await previewsOf(context, pieces)
    const isAllowed = ({ data }: Previewed): boolean =>
      context.flags.bool('lose') ? data['valid'] === true : isSafe(data)
    const refused = previews.filter((one) => !isAllowed(one))
    if (refused.length > 0) {
      for (const { path, data } of refused) {
        for (const line of drawnPreview(path, data)) context.print.line(line)
      }
      context.print.error('Nothing was written.')
      return risky
    }
    for (const [written, { path, body }] of pieces.entries()) {
      try {
        await context.perform('POST', path, `Error writing ${path}`, { body })
      } catch (cause) {
        context.print.error(
          `${written} of ${pieces.length} were written; ${path} was not, and nothing behind it.`,
        )
        throw cause
      }
    }
    return context.print.success(`${pieces.length} written`)
  },
}

interface Previewed {
  readonly path: string
  readonly data: JsonObject
}

async function previewsOf(
  context: CommandContext,
  pieces: readonly Piece[],
): Promise<readonly Previewed[]> {
  await requirePreview(
    context,
    pieces.map(({ path }) => path),
  )
  const previews: Previewed[] = []
  for (const { path, body } of pieces) {
    const asked = objectOf([...Object.entries(body), ['dry_run', true]])
    const secret = await context.fetch('POST', path, `Error previewing ${path}`, { body: asked })
    if (secret?.data === undefined) {
      throw new CommandFailure(`the server said nothing about ${path}`, exitCodes.remote)
    }
    previews.push({ path, data: secret.data })
  }
  return previews
}

/** Policies first: roles name them. A file of another name is no mistake to pass over. */
async function piecesBelow(context: CommandContext, folder: string): Promise<readonly Piece[]> {
  const pieces: Piece[] = []
  const { files, links } = await userFilesBelow(folder)
  for (const link of links) context.print.warn(`${folder}/${link} is a link and is not read`)
  const fileOf = new Map<string, string>()
  for (const file of files) {
    const text = (await context.readFile(`${folder}/${file}`)) ?? ''
    const piece = pieceOf(file, text)
    // The server writes names of policies and roles in small letters.
    const place = piece.path.replace(/^sys\/.*|[^/]+$/, (name) => name.toLowerCase())
    const twin = fileOf.get(place)
    if (twin !== undefined) {
      throw new CommandFailure(`${twin} and ${file} are both for ${place}: keep one of them`)
    }
    fileOf.set(place, file)
    pieces.push(piece)
  }
  if (pieces.length === 0) throw new CommandFailure(`there is no file below ${folder}`)
  const isPolicy = ({ path }: Piece): boolean => path.startsWith('sys/')
  return [...pieces.filter(isPolicy), ...pieces.filter((piece) => !isPolicy(piece))]
}

function pieceOf(file: string, text: string): Piece {
  const [, policy, ending] = /^policies\/([^/]+)\.(hcl|json)$/.exec(file) ?? []
  if (policy !== undefined) {
    const read = ending === 'hcl' ? { policy: text } : objectIn(file, text)
    const { name, body } = namedIn(file, policy, read)
    return { path: `sys/policies/acl/${name}`, body }
  }
  const [, mount, role] = /^auth\/([^/]+)\/role\/([^/]+)\.json$/.exec(file) ?? []
  if (mount === undefined || role === undefined) {
    throw new CommandFailure(`${file} is neither policies/NAME.hcl nor auth/MOUNT/role/NAME.json`)
  }
  const { name, body } = namedIn(file, role, objectIn(file, text))
  return { path: `auth/${nameOf(mount)}/role/${name}`, body }
}

function objectIn(file: string, text: string): JsonObject {
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok) throw new CommandFailure(`${file} is no JSON: ${parsed.error.detail}`)
  if (!isJsonObject(parsed.value)) throw new CommandFailure(`${file} is no JSON object`)
  if (Object.hasOwn(parsed.value, 'dry_run')) {
    throw new CommandFailure(`${file} has "dry_run", with which nothing would be written`)
  }
  return parsed.value
}

/** Names of files have 255 bytes at most. */
const fileNameCharsMax = 200

interface PieceFile {
  readonly name: string
  /** To stand in the file itself, whose name does not say it. */
  readonly named: { readonly name: string } | undefined
}

/**
 * One name of a file, whatever is in it: a name of the server leads to no other folder. For one
 * that is too long stands `@` with its hash, and the file says the name.
 */
function pieceFile(name: string, ending: 'hcl' | 'json' | ''): PieceFile {
  const encoded = encodeURIComponent(name).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
  if (encoded.length > fileNameCharsMax) {
    return { name: `${hashedName(name)}.json`, named: { name } }
  }
  return { name: ending === '' ? encoded : `${encoded}.${ending}`, named: undefined }
}

function hashedName(name: string): string {
  return `@${createHash('sha256').update(name).digest('hex').slice(0, 40)}`
}

/** The name that a file is for, and what it says besides. */
function namedIn(
  file: string,
  fileName: string,
  body: JsonObject,
): { readonly name: string; readonly body: JsonObject } {
  if (!fileName.startsWith('@')) return { name: nameOf(fileName), body }
  const { name, ...rest } = body
  if (typeof name !== 'string' || hashedName(name) !== fileName) {
    throw new CommandFailure(`${file} does not say the "name" that its own name is the hash of`)
  }
  return { name: requireName(file, name), body: rest }
}

function nameOf(file: string): string {
  try {
    return requireName(file, decodeURIComponent(file))
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause
    throw new CommandFailure(`${file} is no name that export writes`)
  }
}

/** Gives the name, unless the server would take it for another or a URL cannot hold it. */
function requireName(file: string, name: string): string {
  const isPlain = name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (isPlain && name === name.trim() && !/\p{Cc}/u.test(name)) return name
  throw new CommandFailure(
    `${file} is for a name with a slash, dots or a blank too many, or with a control character`,
  )
}

async function namesAt(context: CommandContext, path: string): Promise<readonly string[]> {
  const secret = await context.read('GET', path, `Error listing ${path}`, {
    query: [['list', 'true']],
  })
  return (listKeys(secret) ?? []).map(goText)
}

async function readAt(context: CommandContext, path: string): Promise<JsonObject> {
  const secret = await context.read('GET', path, `Error reading ${path}`)
  return secret?.data ?? {}
}
