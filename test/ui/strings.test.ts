/** The texts of the pages stand in one catalogue: no template has words of its own. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../harness/checkout.ts'

const folder = join(root, 'src/ui')

test('words outside tags and code come from the catalogue', () => {
  assert.deepEqual(wordsOf('html`<p class="a">${text}</p>${ok ? html`<b>No</b>` : ""}`'), ['No'])
  const found = readdirSync(folder).flatMap((name) =>
    wordsOf(readFileSync(join(folder, name), 'utf8')).map((word) => `${name}: ${word}`),
  )
  assert.deepEqual(found, [])
})

test('so do the parts of problems', () => {
  const member = /^\s*(?:summary|detail|fix|label|title): ['`][^'`]+['`]/gm
  const found = readdirSync(folder)
    .filter((name) => name !== 'strings.ts')
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').match(member) ?? [])
  assert.deepEqual(found, [])
})

/** Words in the fixed parts of all html templates of a source. */
function wordsOf(source: string): readonly string[] {
  return templatesOf(source)
    .map((text) =>
      text
        .replaceAll(/<(code|bdi)\b[^>]*>.*?<\/\1\s*>/gs, '')
        .replaceAll(/<[^>]*>/gs, ' ')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((text) => /\p{L}/u.test(text))
}

/** Fixed parts of each template, joined by a mark where a value stands; nested ones apart. */
function templatesOf(source: string): readonly string[] {
  const found: string[] = []
  let at = 0
  const readTemplate = (): string => {
    let text = ''
    while (at < source.length && source[at] !== '`') {
      if (source[at] === '\\') {
        at += 2
      } else if (source.startsWith('${', at)) {
        at += 2
        readCode()
        text += '·'
      } else {
        text += source[at]
        at++
      }
    }
    at++
    return text
  }
  /** Until the brace that closes it, or the end. */
  const readCode = (): void => {
    let depth = 0
    while (at < source.length) {
      const isHtml = source.startsWith('html`', at) && !/[\w.]/.test(source[at - 1] ?? '')
      const character = source[at]
      at++
      if (isHtml) {
        at += 4
        const text = readTemplate()
        if (!text.startsWith(' ')) found.push(text)
      } else if (character === '`') readTemplate()
      else if (character === '{') depth++
      else if (character === '}' && depth-- === 0) return
    }
  }
  readCode()
  return found
}
