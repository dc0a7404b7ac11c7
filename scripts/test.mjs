/**
 * `npm test`: installs what is missing, builds, checks, runs every test, and closes with two lines. A word behind `--`
 * runs the test files whose path has that word in it, else the tests whose title has it: `npm test -- kv`,
 * `npm test -- SEC-TOK-05`. Ends by itself, whatever a test does.
 */

import './lib/node-version.mjs'
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { run } from 'node:test'
import { build } from './build.mjs'
import { check } from './check.mjs'
import { ensureInstalled, listFiles, stop } from './lib/prepare.mjs'
import { root, runProgram, seconds } from './lib/run-program.mjs'

/** A run takes 9 to 15 minutes; on a busy machine longer, which is no failure. */
const totalMsMax = 40 * 60_000
const fileMsMax = 5 * 60_000
const outputLengthMax = 20_000

const start = performance.now()
const results = { passed: 0, failed: [], skipped: new Map() }
const problems = []
const children = new AbortController()
// One listener per test file.
setMaxListeners(0, children.signal)

// Not kept alive by it, but ended by it: also an installation or a build may hang.
setTimeout(() => {
  problems.push(`not finished within ${totalMsMax / 60_000} minutes`)
  children.abort()
  setTimeout(close, 2000)
}, totalMsMax).unref()

await ensureInstalled()
const built = await build()
if (!built.usable) stop('tests: not run, the build failed')
if (!built.ok) problems.push('build')

const words = process.argv.slice(2)
const selection = select(listFiles('build/test').filter((path) => path.endsWith('.test.js')))
if (selection.files.length === 0)
  stop(`tests: none has "${words.join(' ')}" in its path or a title`)
// The build has judged the types already. A part of the tests is run for their own sake.
if (words.length === 0) {
  problems.push(...(await check({ skip: ['types'] })))
  if (built.ok && !(await areDocsFresh())) problems.push('docs')
}
await runTests(selection)
close()

async function areDocsFresh() {
  const { code, output } = await runProgram(process.execPath, ['scripts/docs.mjs', '--check'])
  process.stdout.write(output)
  return code === 0
}

function select(files) {
  if (words.length === 0) return { files }
  const byPath = files.filter((path) => words.some((word) => path.includes(word)))
  if (byPath.length > 0) return { files: byPath }
  const byTitle = files.filter((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    return words.some((word) => text.includes(word))
  })
  const quoted = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return { files: byTitle, testNamePatterns: [new RegExp(quoted.join('|'))] }
}

async function runTests({ files, testNamePatterns }) {
  // The test processes take their options from here; a stack then shows lines of the sources.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim()
  const events = run({
    files: files.map((path) => join(root, path)),
    concurrency: 2,
    timeout: fileMsMax,
    signal: children.signal,
    ...(testNamePatterns === undefined ? {} : { testNamePatterns }),
  })
  const titles = new Map()
  const outputs = new Map()
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      const path = titles.get(data.file) ?? []
      titles.set(data.file, [...path.slice(0, data.nesting), data.name])
    } else if (type === 'test:pass') {
      countPass(data)
    } else if (type === 'test:fail') {
      countFailure(data, titles.get(data.file) ?? [])
    } else if (type === 'test:stdout' || type === 'test:stderr') {
      const text = outputs.get(data.file) ?? ''
      if (text.length < outputLengthMax) outputs.set(data.file, text + data.message)
    }
  }
  for (const file of new Set(results.failed.map((failure) => failure.file))) {
    const text = outputs.get(file)
    if (text !== undefined) console.log(`\n── printed by ${shortPath(file)} ──\n${text.trimEnd()}`)
  }
}

function countPass(data) {
  if (data.details.type === 'suite' || isWholeFile(data)) return
  if (data.skip === undefined && data.todo === undefined) {
    results.passed++
    return
  }
  // Left out because of the word that was asked for, which is no news.
  if (data.skip === 'test name does not match pattern') return
  const reason = [data.skip, data.todo].find((text) => typeof text === 'string' && text !== '')
  const key = reason ?? 'no reason given'
  results.skipped.set(key, (results.skipped.get(key) ?? 0) + 1)
}

function countFailure(data, titles) {
  const { error } = data.details
  // The test or suite around one that failed has nothing to add.
  if (error.failureType === 'subtestsFailed') return
  // A file with failures ends with an exit code of its own, told apart from a file that broke as a whole.
  if (isWholeFile(data) && results.failed.some((failure) => failure.file === data.file)) return
  const title = isWholeFile(data) ? '' : [...titles.slice(0, data.nesting), data.name].join(' › ')
  results.failed.push({ file: data.file, title })
  const place = `${shortPath(data.file)}${data.line === undefined || isWholeFile(data) ? '' : `:${data.line}`}`
  const cause = error.cause instanceof Error ? error.cause : (error.cause ?? error)
  const detail =
    typeof cause === 'string' ? cause : inspect(cause, { depth: 8, maxStringLength: 4000 })
  console.log(`\n✗ ${[title, place].filter((part) => part !== '').join('\n  ')}\n${indent(detail)}`)
}

function isWholeFile({ name, file }) {
  return file === undefined || name === file || join(root, name) === file
}

function shortPath(file) {
  return String(file)
    .replace(root, '')
    .replace(/^build\//, '')
    .replace(/\.js$/, '.ts')
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ')
}

/** The closing lines, always the last ones of standard output: what there was to say, and the counts alone. */
function close() {
  const { failed, passed, skipped } = results
  const skippedCount = [...skipped.values()].reduce((sum, count) => sum + count, 0)
  const total = passed + failed.length + skippedCount
  const why = [...skipped].map(([reason, count]) => `${count} × ${reason}`).join('; ')
  const parts = [
    `${passed} passed`,
    `${failed.length} failed`,
    `${skippedCount} skipped${why === '' ? '' : ` (${why})`}`,
    ...(problems.length === 0 ? [] : [`also failed: ${problems.join(', ')}`]),
  ]
  const good = failed.length === 0 && problems.length === 0 && passed > 0
  console.log(`\n${good ? '✔' : '✗'} ${total} tests in ${seconds(start)}: ${parts.join(', ')}`)
  console.log(`tests: ${passed} passed, ${failed.length} failed, ${skippedCount} skipped`)
  process.exit(good ? 0 : 1)
}
