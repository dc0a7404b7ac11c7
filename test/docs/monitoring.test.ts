/** The dashboard and the alert rules ask for what a real scrape has: each name, and each label of it. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { commandTable } from '../../src/cli/command-table.ts'
import { otlpNames } from '../../src/lib/otlp-metrics.ts'
import { readText } from '../harness/checkout.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const read = (path: string): string => readText(`deploy/${path}`)

interface Panel {
  readonly title: string
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
  readonly targets: readonly { readonly expr: string }[]
}

const dashboard = JSON.parse(read('grafana/tokenstile.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly query: string }[] }
}
const rules = read('prometheus/tokenstile.rules.yml')
const ruleExpressions = [...rules.matchAll(/^ {8}expr: '(.*)'$/gm)].map(([, text = '']) =>
  text.replaceAll("''", "'"),
)
const panelExpressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
/** Labels that a family gets by what happens seldom; all others are in the scrape. */
const seldom: Readonly<Record<string, readonly string[]>> = {
  tokenstile_audit_failures_total: ['device'],
}

let server: TestServer
let idp: ScriptedProvider
const labels = new Map<string, Set<string>>()

before(async () => {
  idp = await new ScriptedProvider().start()
  server = await startTestServer()
  const { root } = server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { oidc_discovery_url: idp.issuer })
  await root.must('auth/jwt/role/r', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: idp.clientId,
  })
  for (const role of ['r', 'none']) {
    await server.client().write('auth/jwt/login', { role, jwt: idp.mint(undefined) })
  }
  const { text } = await root.read('sys/metrics?format=prometheus')
  for (const line of text.split('\n')) {
    const family = /^# TYPE (\S+) /.exec(line)?.[1]
    if (family !== undefined) labels.set(family, new Set(seldom[family] ?? []))
    const [, name = '', found = ''] = /^([a-z]\w*)(?:\{(.*)\})? /.exec(line) ?? []
    const own = labels.get(name) ?? labels.get(name.replace(/_(?:bucket|sum|count)$/, ''))
    for (const [, label = ''] of found.matchAll(/(\w+)="/g)) own?.add(label)
  }
})
after(async () => {
  await server.stop()
  await idp.stop()
})

test('each expression asks for families and labels that a scrape has', () => {
  assert.ok(panelExpressions.length >= 15)
  assert.ok(ruleExpressions.length >= 10)
  for (const expression of [...panelExpressions, ...ruleExpressions]) {
    const names = [...expression.matchAll(/\b((?:tokenstile|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)]
    assert.ok(names.length > 0, expression)
    const known = new Set(['le'])
    for (const [, name = '', filter = ''] of names) {
      const family = labels.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')
      const own = labels.get(family)
      assert.ok(own !== undefined, `${name} is in no scrape: ${expression}`)
      for (const label of own) known.add(label)
      for (const [, label = ''] of filter.matchAll(/(\w+)\s*(?:=~|!~|!=|=)"/g)) {
        assert.ok(own.has(label), `${name} has no label ${label}`)
      }
    }
    for (const [, list = ''] of expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of list.split(', ')) assert.ok(known.has(label), `${label}: ${expression}`)
    }
  }
})

test('every family of the server is on the dashboard', () => {
  const all = panelExpressions.join('\n')
  const own = [...labels.keys()].filter((name) => name.startsWith('tokenstile_'))
  for (const name of own) assert.ok(all.includes(name), name)
})

test('every family has its row in the table of names, with the name of OpenTelemetry', () => {
  const text = read('README.md')
  for (const family of labels.keys()) {
    const named = otlpNames[family]
    assert.ok(named !== undefined, family)
    assert.ok(text.includes(`| \`${family}\` | \`${named.name}\` | ${named.unit} |`), family)
  }
})

test('no panel lies over another, and none twice', () => {
  const seen = new Set<string>()
  for (const { title, gridPos } of dashboard.panels) {
    assert.equal(seen.has(title), false)
    seen.add(title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(seen.has(`${x},${y}`), false, title)
        seen.add(`${x},${y}`)
      }
    }
  }
})

test('what an alert says to do is a command that there is', () => {
  const actions = [...rules.matchAll(/^ {10}action: '(.*)'$/gm)].map(([, text = '']) => text)
  assert.equal(actions.length, ruleExpressions.length)
  for (const action of actions.filter((text) => text.startsWith('tokenstile '))) {
    const [, first = '', second = ''] = action.split(' ')
    const names = commandTable.map(({ name }) => name)
    assert.ok(names.includes(first) || names.includes(`${first} ${second}`), action)
  }
})
