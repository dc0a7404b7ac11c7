/** Names of files, the sentence at their top, and what must not be in any text that is committed. */

import { posix } from 'node:path'
import { complaint, type Rule } from './rule.ts'
import type { SourceFile } from './source-text.ts'

const emptyNames = ['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'misc', 'types']

/** Put together here, so that this file does not hold what it looks for. */
const machinePaths = new RegExp(
  String.raw`(?<![\w/.$}-])(?:/` +
    String.raw`(?:home|Users)/[A-Za-z]|/` +
    String.raw`root/|/` +
    String.raw`work/(?:main|shared)|[A-Z]:\\+` +
    String.raw`Users\\)`,
  'g',
)
const registryHosts = new RegExp(
  String.raw`\b(?:registry\.(?:npm|yarn)[a-z]*\.[a-z]+|npm\.pkg\.github\.com|[a-z0-9.-]*(?:art` +
    String.raw`ifactory|nex` +
    String.raw`us-repo|ver` +
    String.raw`daccio)[a-z0-9.-]*\.[a-z]+)`,
  'gi',
)

export const sourceFileRules: readonly Rule[] = [
  {
    title: 'a file begins with a sentence about what it owns',
    find: ({ path, text }) => {
      if (!path.startsWith('src/')) return []
      const header = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? ''
      const words = header.match(/[A-Za-z]{2,}/g) ?? []
      return words.length >= 4 ? [] : [`${path}:1: begin with /** and what this file owns */`]
    },
    bad: [
      { path: 'src/lib/x.ts', text: 'export const a = 1' },
      { path: 'src/lib/x.ts', text: '/** */\nexport const a = 1' },
      { path: 'src/lib/x.ts', text: `import { a } from './a.ts'\n/** Late, but good to know. */` },
    ],
    good: [{ path: 'src/lib/x.ts', text: '/** Numbers as the wire writes them. */\n' }],
  },
  {
    title: 'a comment fits into the columns of the code',
    find: findWideComments,
    bad: [
      { path: 'src/lib/x.ts', text: `/** ${'word '.repeat(20)}*/` },
      { path: 'src/lib/x.ts', text: `/**\n * ${'word '.repeat(20)}\n */` },
      { path: 'src/lib/x.ts', text: `  // ${'word '.repeat(20)}` },
    ],
    good: [
      { path: 'src/lib/x.ts', text: `/** ${'word '.repeat(18)}*/` },
      { path: 'src/lib/x.ts', text: `const text = '// ${'word '.repeat(20)}'` },
      { path: 'test/x.test.ts', text: `// ${'word '.repeat(20)}` },
    ],
  },
  {
    title: 'a file is a kebab-case noun that says something',
    find: ({ path }) => {
      const name = posix.basename(path).split('.')[0] ?? ''
      const parts = [...posix.dirname(path).split('/'), name]
      const empty = parts.find((part) => emptyNames.includes(part))
      if (empty !== undefined) return [`${path}:1: "${empty}" says nothing; name what it holds`]
      if (!parts.every((part) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part))) {
        return [`${path}:1: write names of files and folders in kebab-case`]
      }
      const isPlugin = /^src\/(?:sys|identity|(?:auth|secrets)\/[^/]+)\/index\.ts$/.test(path)
      return name === 'index' && !isPlugin ? [`${path}:1: index.ts is for plugins only`] : []
    },
    bad: [
      { path: 'src/lib/utils.ts', text: '' },
      { path: 'src/helpers/json.ts', text: '' },
      { path: 'test/common/x.test.ts', text: '' },
      { path: 'src/lib/types.ts', text: '' },
      { path: 'src/lib/jsonText.ts', text: '' },
      { path: 'src/core/index.ts', text: '' },
      { path: 'src/auth/jwt/providers/index.ts', text: '' },
    ],
    good: [
      { path: 'src/auth/jwt/index.ts', text: '' },
      { path: 'src/trust/claim-rules.ts', text: '' },
      { path: 'test/storage/storage-suite.ts', text: '' },
    ],
  },
]

const columnsMax = 100

/** Complaints about lines that are comment alone; prettier keeps the others within the columns. */
function findWideComments(file: SourceFile): readonly string[] {
  if (!file.path.startsWith('src/')) return []
  const code = file.code.split('\n')
  return file.text.split('\n').flatMap((line, place) => {
    const isWide = line.length > columnsMax && /^(?:\/[/*]|\*)/.test(line.trimStart())
    if (!isWide || (code[place] ?? '').trim() !== '') return []
    return [`${file.path}:${place + 1}: ${line.length} columns: break the comment at ${columnsMax}`]
  })
}

export const committedTextRules: readonly Rule[] = [
  {
    title: 'no committed text names a folder of the machine it was written on',
    find: (file) =>
      [...file.text.matchAll(machinePaths)].map(({ 0: found, index }) =>
        complaint(file, index, `${found}…: use a path inside the repository`),
      ),
    bad: [
      { path: 'README.md', text: ['cd /', 'home/alice/src'].join('') },
      { path: 'scripts/x.mjs', text: [`const root = '/`, `work/main/build'`].join('') },
      { path: 'docs/x.md', text: ['see /', 'root/notes'].join('') },
      { path: 'docs/x.md', text: ['C:\\', 'Users\\alice'].join('') },
    ],
    good: [
      { path: 'docs/x.md', text: 'POST /v1/sys/generate-root/attempt' },
      { path: 'docs/x.md', text: 'https://example.com/home/page and ~/.vault-token' },
    ],
  },
  {
    title: 'no committed text names a package registry',
    find: (file) =>
      [...file.text.matchAll(registryHosts)].map(({ index }) =>
        complaint(file, index, 'a registry: npm knows where packages come from'),
      ),
    bad: [
      { path: 'package-lock.json', text: ['https://registry', '.npmjs.org/x'].join('') },
      { path: '.npmrc', text: ['registry=https://art', 'ifactory.example.com/npm/'].join('') },
    ],
    good: [
      { path: 'docs/x.md', text: 'a registry of keys; registry.example; npm ci' },
      { path: 'docs/x.md', text: 'Nexus 6' },
    ],
  },
]
