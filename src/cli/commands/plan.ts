/**
 * `export`, `plan` and `apply`: roles and policies as files, for review (explain.md §5). A file is
 * `policies/NAME.hcl` or `auth/MOUNT/role/NAME.json`, in the form in which the server reads it out.
 */

import { isJsonObject, parseJson, requestJsonLimits, type JsonObject } from '../../lib/json.ts'
import { listKeys, objectOf, textMember } from '../../client/secret.ts'
import { userFilesBelow, writeUserFileBelow } from '../../platform/user-files.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
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
    'Writes the policies, and the roles of all mounts of the methods jwt and oidc, as files below a directory: policies/NAME.hcl and auth/MOUNT/role/NAME.json. Files that are there already are overwritten, and none is removed.',
  examples: [
    { title: 'Into a checkout', line: 'export access' },
    { title: 'And see what is different', line: 'plan access' },
  ],
  kind: 'remote',
  output: 'none',
  argsMin: 1,
  argsMax: 1,
  async run(context) {
    const folder = context.args[0] ?? ''
    let count = 0
    for (const name of await namesAt(context, 'sys/policies/acl')) {
      if (name === 'root') continue
      const data = await readAt(context, `sys/policies/acl/${name}`)
      const { name: _, ...fields } = data
      // What a text alone does not say goes with it.
      const isText = Object.keys(fields).length === 1
      const [ending, text] = isText
        ? ['hcl', textMember(data, 'policy')]
        : ['json', `${formatJson(fields)}\n`]
      await writeUserFileBelow(folder, `policies/${fileName(name)}.${ending}`, text)
      count++
    }
    for (const mount of await loginMounts(context)) {
      for (const name of await namesAt(context, `auth/${mount}/role`)) {
        const data = await readAt(context, `auth/${mount}/role/${name}`)
        const file = `auth/${fileName(mount)}/role/${fileName(name)}.json`
        // What is not set reads as null, and is left out: written, it would be an empty value.
        const set = Object.entries(data).filter(([, value]) => value !== null)
        await writeUserFileBelow(folder, file, `${formatJson(objectOf(set))}\n`)
        count++
      }
    }
    context.print.success(`${count} files below ${folder}`)
    return exitCodes.ok
  },
}

export const plan: Command = {
  usage: '[options] DIR',
  description:
    'Reads the roles and policies of a directory, as export writes them, and shows what writing them would change, what is risky, and who would gain or lose. Nothing is written. The exit code is 0 when nobody would lose, 3 when somebody would or a write would be refused, and 2 when the server could not be asked.',
  examples: [
    { title: 'As a check of a pull request', line: 'plan access' },
    { title: 'For a program', line: 'plan -format=json access' },
  ],
  kind: 'remote',
  output: 'format',
  argsMin: 1,
  argsMax: 1,
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
    'Writes the roles and policies of a directory, policies first. When one of them would be refused, or somebody would lose by one, nothing is written; -lose takes the latter. They are written one after another, each whole.',
  examples: [
    { title: 'After a look', line: 'plan access' },
    { title: 'Also where somebody loses', line: 'apply -lose access' },
  ],
  flags: [{ name: 'lose', kind: 'bool', help: 'Write also what somebody would lose by.' }],
  kind: 'remote',
  output: 'none',
  argsMin: 1,
  argsMax: 1,
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
    for (const { path, body } of pieces) {
      await context.perform({ method: 'POST', path, body }, { doing: `Error writing ${path}` })
    }
    context.print.success(`${pieces.length} written`)
    return exitCodes.ok
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
    const secret = await context.fetch(
      { method: 'POST', path, body: asked },
      { doing: `Error previewing ${path}` },
    )
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
  for (const file of await userFilesBelow(folder)) {
    const text = (await context.readFile(`${folder}/${file}`)) ?? ''
    pieces.push(pieceOf(file, text))
  }
  if (pieces.length === 0) throw new CommandFailure(`there is no file below ${folder}`)
  const isPolicy = ({ path }: Piece): boolean => path.startsWith('sys/')
  return [...pieces.filter(isPolicy), ...pieces.filter((piece) => !isPolicy(piece))]
}

function pieceOf(file: string, text: string): Piece {
  const [, policy, ending] = /^policies\/([^/]+)\.(hcl|json)$/.exec(file) ?? []
  if (policy !== undefined) {
    const body = ending === 'hcl' ? { policy: text } : objectIn(file, text)
    return { path: `sys/policies/acl/${nameOf(policy)}`, body }
  }
  const [, mount, role] = /^auth\/([^/]+)\/role\/([^/]+)\.json$/.exec(file) ?? []
  if (mount === undefined || role === undefined) {
    throw new CommandFailure(`${file} is neither policies/NAME.hcl nor auth/MOUNT/role/NAME.json`)
  }
  return { path: `auth/${nameOf(mount)}/role/${nameOf(role)}`, body: objectIn(file, text) }
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

/** One name of a file, whatever is in it: a name of the server leads to no other folder. */
function fileName(name: string): string {
  return encodeURIComponent(name).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
}

function nameOf(file: string): string {
  try {
    return decodeURIComponent(file)
  } catch {
    throw new CommandFailure(`${file} is no name that export writes`)
  }
}

async function namesAt(context: CommandContext, path: string): Promise<readonly string[]> {
  const secret = await context.read(
    { method: 'GET', path, query: [['list', 'true']] },
    { doing: `Error listing ${path}` },
  )
  return (listKeys(secret) ?? []).map(goText)
}

async function readAt(context: CommandContext, path: string): Promise<JsonObject> {
  const secret = await context.read({ method: 'GET', path }, { doing: `Error reading ${path}` })
  return secret?.data ?? {}
}
