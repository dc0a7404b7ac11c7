import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { askHidden, deadline } from '../../src/platform/terminal.ts'

/** Keys as a terminal sends them, with what was switched on it. */
class Keyboard {
  readonly isTTY = true
  readonly modes: boolean[] = []
  readonly #keys: readonly string[]

  constructor(...keys: string[]) {
    this.#keys = keys
  }

  setRawMode(raw: boolean): void {
    this.modes.push(raw)
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return Readable.from(this.#keys)[Symbol.asyncIterator]() as AsyncIterator<string>
  }
}

const screen = () => {
  const shown: string[] = []
  return { shown, write: (text: string) => shown.push(text) }
}

test('a hidden answer ends at the line feed, knows backspace, and is never shown', async () => {
  const output = screen()
  const keyboard = new Keyboard('se', 'x\u007f', 'cret\r', 'more')
  assert.equal(await askHidden(keyboard, output, 'Password: '), 'secret')
  assert.deepEqual(output.shown, ['Password: ', '\n'])
  assert.deepEqual(keyboard.modes, [true, false])
})

test('Ctrl-C and the end of input are no answer, and the terminal is set back', async () => {
  for (const keys of [['ab\u0003'], ['ab\u0004'], ['ab']]) {
    const keyboard = new Keyboard(...keys)
    assert.equal(await askHidden(keyboard, screen(), '? '), undefined)
    assert.deepEqual(keyboard.modes, [true, false])
  }
})

test('input that is no terminal is not waited for', async () => {
  const never = {
    async *[Symbol.asyncIterator]() {
      await new Promise(() => undefined)
      yield ''
    },
  }
  assert.equal(await askHidden(never, screen(), '? '), undefined)
})

test('a deadline further away than a timer can wait is not over at once, and no error', () => {
  for (const afterMs of [2 ** 31, 2 ** 33, 1e15]) assert.equal(deadline(afterMs).aborted, false)
})
