/** Each kind of refusal that people meet: what is printed, word for word as the document has it, and that it says what to do. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Shell } from '../cli-server/fixture.ts'
import { readText, root as checkout } from '../harness/checkout.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock } from '../harness/test-server.ts'
import { wildKinds, type WildRefusal } from './wild-refusals.ts'

const clock = manualClock()
const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000)
const key = makeJwtMaker('k1', nowSeconds)
const stranger = makeJwtMaker('k1', nowSeconds)
const good = {
  iss: 'https://iss.test',
  sub: 'repo:acme/app:ref:refs/heads/main',
  aud: 'https://vault.acme.test',
}
let shell: Shell

before(async () => {
  shell = await Shell.start({ clock })
  await shell.server.root.must('sys/auth/jwt', { type: 'jwt' })
  await shell.server.root.must('sys/auth/bare', { type: 'jwt' })
})
after(() => shell.stop())

interface Told {
  /** What the caller sees. */
  readonly caller: string
  /** What the operator is shown of the same token. */
  readonly operator: string
}

const file = 'docs/explanation/refusals-in-the-wild.md'

async function tell(one: WildRefusal): Promise<Told> {
  const { root } = shell.server
  await root.must('auth/jwt/config', {
    jwt_validation_pubkeys: [key.pem],
    bound_issuer: good.iss,
    ...one.config,
  })
  await root.remove('auth/jwt/role/deploy')
  await root.must('auth/jwt/role/deploy', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: good.aud,
    token_policies: 'deploy',
    token_ttl: '15m',
    ...one.role,
  })
  const times = Object.entries(one.claims ?? {}).map(([name, value]) => {
    const isTime = ['iat', 'nbf', 'exp'].includes(name) && typeof value === 'number'
    return [name, isTime ? nowSeconds() + value : value] as const
  })
  const signer = one.isForged === true ? stranger : key
  const signed = signer.sign({ ...good, ...Object.fromEntries(times) }, { ...one.header })
  const jwt = one.sent?.(signed) ?? signed
  const role = one.asRole ?? 'deploy'
  const mount = one.isBare === true ? 'bare' : 'jwt'
  // A token may ask for thirty explanations a minute.
  clock.advance(3_000)
  const call = [
    'write',
    `auth/${mount}/login`,
    ...(role === '' ? [] : [`role=${role}`]),
    `jwt=${jwt}`,
  ]
  const refused = await shell.run(call, { programName: 'tokenstile', env: { VAULT_TOKEN: '' } })
  assert.equal(refused.code, 2, `${one.title} ${refused.out}`)
  const isSilent = one.reason === 'source_address_refused' || one.reason === 'jwt_missing'
  if (!isSilent) assert.match(refused.err, new RegExp(`^Reason: ${one.reason}$`, 'm'), one.title)
  const words = ['explain', `-mount=${mount}`, ...(role === '' ? [] : [`-role=${role}`]), '-']
  const explained =
    jwt === '' ? undefined : await shell.run(words, { stdin: jwt, programName: 'tokenstile' })
  if (explained !== undefined) {
    assert.equal(explained.code, 3, `${one.title} ${explained.out} ${explained.err}`)
    assert.match(explained.out, new RegExp(`: ${one.reason}$`, 'm'), one.title)
    assert.match(explained.out, /^ {5}fix {2}\S/m, one.title)
  }
  for (const { out, err } of [refused, explained ?? { out: '', err: '' }]) {
    assert.equal(`${out}${err}`.includes(signed.slice(-20)), false, 'a signature is shown')
  }
  return { caller: tidy(refused.err), operator: firstPart(explained?.out ?? '') }
}

/** Without what is another in each run. */
function tidy(text: string): string {
  return text
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}/g, '0d7b…')
    .replaceAll(shell.address, 'https://stile.test')
    .replaceAll(/\b1[789]\d{8}\b/g, '1900000000')
    .trimEnd()
}

/** The first failure and what is to be done; not the list of all checks. */
function firstPart(out: string): string {
  const lines = tidy(out).split('\n')
  const from = lines.findIndex((line) => /^\d+\. /.test(line))
  const rest = lines.slice(from)
  const fixes = rest.findIndex((line) => line.startsWith('     fix'))
  const firstEnd = rest.findIndex(
    (line, i) => i > 0 && (line === '' || line.startsWith('     fix')),
  )
  const fixEnd = rest.findIndex((line, i) => i > fixes && line === '')
  return [...rest.slice(0, firstEnd), ...rest.slice(fixes, fixEnd)].join('\n')
}

const intro = `# Refusals in the wild

What people run into when machines and people log in, by kind. Each entry has what the caller is told, and what \`tokenstile explain\` shows
to an operator for the same token: what came, what was expected, and what mends it. The texts are those that the server of this version prints; a test makes each
of them, so that this page is right or the test fails. In the checks of an explanation everything behind the first failure is left out here.

The caller hears names of claims and own values, never what the role expects ([why](why-a-login-was-refused.md)).
`

test('every kind of refusal is printed as the document has it', { timeout: 120_000 }, async () => {
  let text = intro
  let count = 0
  for (const { kind, cases } of wildKinds) {
    text += `\n## ${kind}\n`
    for (const one of cases) {
      const { caller, operator } = await tell(one)
      count++
      text += `\n### ${one.title}\n\n\`\`\`text\n${caller}\n\`\`\`\n`
      if (operator !== '') text += `\n\`\`\`text\n${operator}\n\`\`\`\n`
    }
  }
  assert.ok(count >= 60, `${count}`)
  if (process.env['TOKENSTILE_WRITE_DOCS'] === '1') writeFileSync(join(checkout, file), text)
  assert.equal(readText(file), text, 'write it anew with TOKENSTILE_WRITE_DOCS=1')
})
