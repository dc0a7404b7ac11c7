/** The terminals that the README shows are recordings: what they show is what is printed today. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readText, root } from '../harness/checkout.ts'

const pictureBytesMax = 150_000

test('the recorded terminals show what the command line prints', () => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [join(root, 'scripts/picture.mjs'), '--check'],
    { encoding: 'utf8', timeout: 60_000 },
  )
  assert.equal(status, 0, stdout + stderr)
})

test('every picture of the README is there, small, and described', () => {
  const readme = readText('README.md')
  const paths = [...readme.matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, path = '']) => path)
  assert.ok(paths.length >= 4, paths.join())
  for (const path of paths) assert.ok(statSync(join(root, path)).size <= pictureBytesMax, path)
  const images = readme.match(/<img /g) ?? []
  assert.equal(readme.match(/<img [^>]*alt="[^"]{40,}"/g)?.length, images.length)
})

test('a recording stands still for whoever asked for less motion, and shows all of it', () => {
  const svg = readText('docs/assets/tour.svg')
  const [, style = ''] = /<style>(.*)<\/style>/s.exec(svg) ?? []
  const [still = '', moving = ''] = style.split('@media (prefers-reduced-motion: no-preference)')
  assert.doesNotMatch(still, /opacity|animation/)
  assert.match(moving, /animation/)
  assert.doesNotMatch(svg, /<script|href|@import|url\(/)
})
