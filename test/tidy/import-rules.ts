/** Who may import what: the order of the folders, one importing folder per dependency, and only files that exist. */

import { posix } from 'node:path'
import { complaint, type Rule } from './rule.ts'
import { importsOf, type SourceFile } from './source-text.ts'

/** A file imports from its own folder and from those before it, less the exceptions below. */
const order = [
  ...['lib', 'ui', 'platform', 'schema', 'jose', 'oidc', 'trust', 'storage', 'framework'],
  ...['audit', 'core', 'sys', 'identity', 'auth', 'secrets', 'http', 'practice-idp'],
  ...['server', 'client', 'cli', 'test'],
]
const server = [
  ...['storage', 'framework', 'audit', 'core', 'sys', 'identity', 'auth', 'secrets'],
  ...['http', 'server'],
]
const pure = ['platform', 'oidc', 'storage']
const notAlthoughEarlier: Readonly<Record<string, readonly string[]>> = {
  // They see no clock, socket or store.
  jose: pure,
  trust: pure,
  // A plugin sees the framework; other plugins are told apart below.
  auth: ['core', 'sys', 'identity', 'auth'],
  secrets: ['core', 'sys', 'identity', 'auth', 'secrets'],
  identity: ['sys'],
  'practice-idp': order.filter((folder) => !['lib', 'ui', 'platform', 'jose'].includes(folder)),
  // They know a server by its HTTP interface only, or what they show would not be what others get.
  client: server,
  cli: server,
}

/** The only folder that knows the library, so that it can be replaced there. */
const importers: Readonly<Record<string, string>> = {
  '@bufbuild/cel': 'src/trust',
  bcryptjs: 'src/auth/userpass',
  jose: 'src/jose',
  lmdb: 'src/storage/lmdb',
  oauth4webapi: 'src/oidc',
  openpgp: 'src/core/seal',
  pg: 'src/storage/postgres',
  re2js: 'src/trust',
  'shamir-secret-sharing': 'src/core/seal',
  uqr: 'src/cli',
}

/** Files that not everybody who could may import. */
const keepers: Readonly<
  Record<string, { readonly folders: readonly string[]; readonly instead: string }>
> = {
  'src/core/core.ts': {
    folders: ['src/server/'],
    instead: 'the core is put together in server; take a port (src/core/ports/) or what you need',
  },
  'src/framework/core-path.ts': {
    folders: ['src/core/', 'src/sys/', 'src/auth/token/'],
    instead: 'a plugin sees the request alone; use definePath',
  },
}

export function importerOf(dependency: string): string | undefined {
  return Object.hasOwn(importers, dependency) ? importers[dependency] : undefined
}

interface Home {
  readonly folder: string
  /** Set for auth/<method> and secrets/<engine>. */
  readonly plugin: string | undefined
}

function homeOf(path: string): Home {
  const [top = '', folder = '', plugin] = path.split('/')
  if (top === 'test') return { folder: 'test', plugin: undefined }
  return { folder, plugin: folder === 'auth' || folder === 'secrets' ? plugin : undefined }
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../')
}

function targetOf(file: SourceFile, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(file.path), specifier))
}

function judgeFolders(from: Home, to: Home): string | undefined {
  if (from.folder === to.folder && from.plugin === to.plugin) return undefined
  if (from.folder === to.folder) return 'a plugin never imports another plugin'
  const fromIndex = order.indexOf(from.folder)
  const toIndex = order.indexOf(to.folder)
  if (fromIndex === -1) return `the folder ${from.folder} is not in the order of folders`
  if (toIndex === -1) return `the folder ${to.folder} is not in the order of folders`
  if (notAlthoughEarlier[from.folder]?.includes(to.folder) === true || toIndex > fromIndex) {
    return `${from.folder} must not import ${to.folder}; hand it in, or move what both need down`
  }
  return undefined
}

export const importRules: readonly Rule[] = [
  {
    title: 'a file imports from its own folder and from folders further down',
    find: (file) =>
      importsOf(file).flatMap(({ at, specifier }) => {
        if (!isRelative(specifier)) return []
        const message = judgeFolders(homeOf(file.path), homeOf(targetOf(file, specifier)))
        return message === undefined ? [] : [complaint(file, at, message)]
      }),
    bad: [
      { path: 'src/lib/x.ts', text: `import { a } from '../core/core.ts'` },
      { path: 'src/trust/x.ts', text: `import type { Clock } from '../platform/clock.ts'` },
      { path: 'src/jose/x.ts', text: `import { a } from '../platform/random.ts'` },
      { path: 'src/trust/x.ts', text: `import { a } from '../oidc/key-set.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../core/core.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../sys/index.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../token/index.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../identity/index.ts'` },
      { path: 'src/identity/x.ts', text: `import { a } from '../sys/index.ts'` },
      { path: 'src/secrets/kv/x.ts', text: `import { a } from '../cubbyhole/index.ts'` },
      { path: 'src/secrets/kv/x.ts', text: `import { a } from '../../auth/jwt/index.ts'` },
      { path: 'src/cli/x.ts', text: `const a = await import('../server/wire.ts')` },
      { path: 'src/cli/commands/x.ts', text: `export { a } from '../../framework/path.ts'` },
      { path: 'src/client/x.ts', text: `import {\n  a,\n} from '../http/respond.ts'` },
      { path: 'src/practice-idp/x.ts', text: `import { a } from '../oidc/discovery.ts'` },
      { path: 'src/core/x.ts', text: `import { a } from '../../test/harness/jwt-maker.ts'` },
      { path: 'src/ui/x.ts', text: `import { a } from '../platform/clock.ts'` },
      { path: 'src/extras/x.ts', text: `import { a } from '../lib/json.ts'` },
    ],
    good: [
      { path: 'src/core/seal/x.ts', text: `import { a } from '../keys.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../trust/decide.ts'` },
      { path: 'src/trust/x.ts', text: `import { a } from '../jose/verify.ts'` },
      { path: 'src/server/x.ts', text: `import { a } from '../auth/jwt/index.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../ui/page.ts'` },
      { path: 'src/lib/x.ts', text: `// import { a } from '../core/core.ts'` },
      { path: 'src/lib/x.ts', text: `const text = "import { a } from '../core/core.ts'"` },
      { path: 'test/jwt/x.test.ts', text: `import { a } from '../../src/server/wire.ts'` },
    ],
  },
  {
    title: 'a library is imported by the one folder that owns it',
    find: (file) =>
      importsOf(file).flatMap(({ at, specifier }) => {
        if (isRelative(specifier) || specifier.startsWith('node:')) return []
        // Tests are not shipped; they may use what is installed for development.
        if (!file.path.startsWith('src/')) return []
        const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
        const owner = importerOf(name)
        if (owner === undefined) {
          return [complaint(file, at, `${name} has no owning folder; see CONTRIBUTING.md`)]
        }
        if (file.path.startsWith(`${owner}/`)) return []
        return [complaint(file, at, `${name} belongs to ${owner}; use what that folder exports`)]
      }),
    bad: [
      { path: 'src/core/x.ts', text: `import { open } from 'lmdb'` },
      { path: 'src/storage/x.ts', text: `import { open } from 'lmdb'` },
      { path: 'src/oidc/x.ts', text: `import type { JWK } from 'jose'` },
      { path: 'src/lib/x.ts', text: `const a = await import('left-pad')` },
      { path: 'src/lib/x.ts', text: `import { readFileSync } from 'fs'` },
    ],
    good: [
      { path: 'src/storage/lmdb/x.ts', text: `import { open } from 'lmdb'` },
      { path: 'test/storage/storage-suite.ts', text: `import fc from 'fast-check'` },
      { path: 'src/lib/x.ts', text: `import { readFileSync } from 'node:fs'` },
    ],
  },
  {
    title: 'the core is handed to nobody, and what it knows of callers to its own paths alone',
    find: (file) =>
      importsOf(file).flatMap(({ at, specifier }) => {
        if (!file.path.startsWith('src/') || !isRelative(specifier)) return []
        const keeper = keepers[targetOf(file, specifier)]
        if (keeper === undefined || keeper.folders.some((one) => file.path.startsWith(one))) {
          return []
        }
        return [complaint(file, at, keeper.instead)]
      }),
    bad: [
      { path: 'src/identity/x.ts', text: `import type { Core } from '../core/core.ts'` },
      { path: 'src/sys/x.ts', text: `import type { Core } from '../core/core.ts'` },
      { path: 'src/core/x.ts', text: `import type { Core } from './core.ts'` },
      { path: 'src/http/x.ts', text: `import { Core } from '../core/core.ts'` },
      { path: 'src/auth/jwt/x.ts', text: `import { a } from '../../framework/core-path.ts'` },
      {
        path: 'src/secrets/kv/x.ts',
        text: `import type { A } from '../../framework/core-path.ts'`,
      },
    ],
    good: [
      { path: 'src/server/x.ts', text: `import { Core } from '../core/core.ts'` },
      { path: 'src/sys/x.ts', text: `import type { A } from '../core/ports/system-ports.ts'` },
      { path: 'src/sys/x.ts', text: `import { corePaths } from '../framework/core-path.ts'` },
      { path: 'src/auth/token/x.ts', text: `import { a } from '../../framework/core-path.ts'` },
      { path: 'test/core/x.test.ts', text: `import { Core } from '../../src/core/core.ts'` },
    ],
  },
  {
    title: 'an imported file exists and is named with its ending',
    find: (file, tree) =>
      importsOf(file).flatMap(({ at, specifier }) => {
        if (!isRelative(specifier) || tree.has(targetOf(file, specifier))) return []
        return [complaint(file, at, `there is no ${targetOf(file, specifier)}`)]
      }),
    bad: [
      { path: 'src/lib/x.ts', text: `import { a } from './not-there.ts'` },
      { path: 'src/lib/x.ts', text: `import { a } from './result.js'` },
      { path: 'src/lib/x.ts', text: `import { a } from './result'` },
    ],
    good: [{ path: 'src/lib/x.ts', text: `import { ok } from './result.ts'` }],
  },
]
