/** What the log of a CI job is told of a refused login, and that a token's content is no command there. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotation, ciOf, refusalText, withoutCommands } from '../../src/cli/ci-log.ts'

const hostile =
  'a\n::set-output name=x::y\n  ::add-mask::secret\nb ##[error]c ##[add-path]d\u001b[0Ksection_end:1:x\r\u001b[0K'

/** Whether GitHub's runner would take the line for a command: `ActionCommand.TryParse` of actions/runner. */
function isCommand(line: string): boolean {
  return line.trimStart().startsWith('::') || line.includes('##[')
}

test('the CI is known by the variable that it sets', () => {
  assert.equal(ciOf({ GITHUB_ACTIONS: 'true' }), 'github')
  assert.equal(ciOf({ GITLAB_CI: 'true' }), 'gitlab')
  assert.equal(ciOf({ GITHUB_ACTIONS: 'false', CI: 'true' }), undefined)
})

test('nothing that a token or a server says is a command', () => {
  for (const line of withoutCommands('github', hostile).split('\n')) {
    assert.equal(isCommand(line), false, line)
  }
  for (const ci of ['github', 'gitlab', undefined] as const) {
    // oxlint-disable-next-line no-control-regex
    assert.equal(/[\u001b\r]/.test(withoutCommands(ci, hostile)), false)
  }
  assert.equal(withoutCommands(undefined, 'a\n::b'), 'a\n::b')
})

test('GitHub gets one annotation, whatever is in it', () => {
  const text = refusalText('github', { reason: 'claim_mismatch', text: hostile }, 0)
  const commands = text.split('\n').filter(isCommand)
  assert.equal(commands.length, 1)
  assert.match(
    commands[0] ?? '',
    /^::error title=Login refused%3A claim_mismatch::a%0A::set-output/,
  )
  assert.equal((commands[0] ?? '').includes('##['), false)
  assert.equal(
    annotation('a:b,c%\n', '100%\r\n'),
    '::error title=a%3Ab%2Cc%25%0A::100%25\\u000d%0A',
  )
})

test('GitLab folds what follows the first line', () => {
  const text = refusalText('gitlab', { reason: 'expired', text: `first\n${hostile}` }, 7_000)
  assert.match(
    text,
    // oxlint-disable-next-line no-control-regex
    /^first\n\u001b\[0Ksection_start:7:tokenstile_login\[collapsed=true\]\r\u001b\[0KLogin refused: expired\n/,
  )
  assert.equal(text.split('\r').length, 3)
  assert.ok(text.endsWith('\u001b[0Ksection_end:7:tokenstile_login\r\u001b[0K'))
})
