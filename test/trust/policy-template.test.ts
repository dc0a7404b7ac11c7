/** Policy templates: syntax, functions, and their bounds. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { JsonObject } from '../../src/lib/json.ts'
import { checkPolicies, parsePolicyPlan } from '../../src/trust/policies.ts'
import { parsePolicyTemplate, renderPolicyTemplate } from '../../src/trust/policy-template.ts'
import { claimsOf } from './fixture.ts'

const env = {
  nowMs: Date.UTC(2026, 10, 23, 9, 5, 7, 42),
  randomBytes: (count: number) => Uint8Array.from({ length: count }, (_, i) => i),
}
const claims = claimsOf(
  '{"sub":"s1","n":1000000,"big":12345678901234567890,"f":1.5,"t":true,"nil":null,"env":"prod",' +
    '"l":["a","b"],"o":{"p":{"q":"deep"},"z":"x"},"https://x":"url","empty":""}',
)

function policiesOf(templates: readonly string[], claims: JsonObject) {
  return checkPolicies(parsePolicyPlan(templates, true), claims, env)
}

function render(text: string): string {
  const template = parsePolicyTemplate(text)
  assert.ok(template.ok, template.ok ? '' : `${text}: ${template.error.detail}`)
  const rendered = renderPolicyTemplate(template.value, claims, env)
  assert.ok(rendered.ok, rendered.ok ? '' : `${text}: ${rendered.error.detail}`)
  return rendered.value
}

for (const [template, expected] of [
  ['plain', 'plain'],
  ['p_{{ .sub }}', 'p_s1'],
  ['{{.o.p.q}}', 'deep'],
  ['{{ index . "https://x" }}', 'url'],
  ['{{ index .l 1 }}', 'b'],
  ['{{ (index . "o").z }}', 'x'],
  ['{{ .n }}', '1000000'],
  ['{{ .big }}', '12345678901234567890'],
  ['{{ .f }} {{ .t }} {{ 3 }} {{ -4 }} {{ true }}', '1.5 true 3 -4 true'],
  ['{{ .l }} {{ .o }}', '[a b] map[p:map[q:deep] z:x]'],
  ['{{if eq "prod" .env}}yes{{end}}', 'yes'],
  ['{{if ne "prod" .env}}yes{{else}}no{{end}}', 'no'],
  ['{{if eq .env "a"}}1{{else if eq .env "prod"}}2{{else}}3{{end}}', '2'],
  ['{{if eq .env "a" "b" "prod"}}1{{end}}', '1'],
  ['{{if and .t (gt .n 5)}}1{{end}}', '1'],
  ['{{if or .empty (not .t)}}1{{else}}0{{end}}', '0'],
  ['{{if and .t (index . "absent")}}1{{else}}0{{end}}', '0'],
  ['{{if index . "absent"}}1{{else}}0{{end}}', '0'],
  ['{{ lt 1 2 }} {{ le 2 2 }} {{ ge 1.5 .f }} {{ lt "a" "b" }}', 'true true true true'],
  ['{{ len .l }}{{ len .sub }}', '22'],
  ['a {{- .sub -}} b', 'as1b'],
  ['a {{/* nothing */}} b', 'a  b'],
  ['a {{- /* nothing */ -}} b', 'ab'],
  ['{{ "q\\"\\n" }}{{ `raw\\n` }}', 'q"\nraw\\n'],
  ['{{ "a}}b" }}', 'a}}b'],
  ['{{ .sub | uppercase | printf "%s-%s" "x" }}', 'x-S1'],
  [
    '{{ printf "%s-%d-%05d-%q-%t-%x-%%-%v-%.2f" .sub .n 42 "a" true 255 .l 1.5 }}',
    's1-1000000-00042-"a"-true-ff-%-[a b]-1.50',
  ],
  ['{{ print 1 2 "a" "b" }}', '1 2ab'],
  ['{{ println "a" 1 }}', 'a 1\n'],
  ['{{ slice .sub 0 1 }}', 's'],
  ['{{ $x := .sub }}{{ $x }}{{ $x = "y" }}{{ $x }}', 's1y'],
  ['{{ $.o.z }}', 'x'],
  ['{{ range .l }}<{{ . }}{{ $.sub }}>{{ end }}', '<as1><bs1>'],
  ['{{ range $i, $v := .l }}{{ $i }}{{ $v }}{{ end }}', '0a1b'],
  ['{{ range index . "absent" }}x{{ else }}none{{ end }}', 'none'],
  ['{{ with .o }}{{ .z }}{{ else }}none{{ end }}', 'x'],
  ['{{ .sub | uppercase }}{{ "ABC" | lowercase }}', 'S1abc'],
  ['{{ .env | replace "prod" "p" }}', 'p'],
  ['{{ "abcdef" | truncate 3 }}', 'abc'],
  ['{{ "abcdefghijkl" | truncate_sha256 10 }}', 'ab3615b840'],
  ['{{ sha256 "a" }}', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ['{{ base64 "a" }}{{ decode_base64 "YQ==" }}{{ hex "a" }}{{ decode_hex "61" }}', 'YQ==a61a'],
  ['{{ unix_time }} {{ unix_time_millis }}', '1795424707 1795424707042'],
  ['{{ timestamp "2006-01-02T15:04:05.000Z07:00" }}', '2026-11-23T09:05:07.042Z'],
  ['{{ timestamp "Mon Jan _2 3:04PM 06" }}', 'Mon Nov 23 9:05AM 26'],
  ['{{ uuid }}', '00010203-0405-4607-8809-0a0b0c0d0e0f'],
  ['{{ random 4 }}', '0123'],
  ['{{ glob "p*" .env }}', 'true'],
] as const) {
  test(`the template ${template} gives ${JSON.stringify(expected)}`, () => {
    assert.equal(render(template), expected)
  })
}

test('LOG-018: what is absent, null or of the wrong type stops the login', () => {
  for (const text of [
    '{{ .absent }}',
    '{{ .o.absent }}',
    '{{ .sub.x }}',
    '{{ .nil }}',
    '{{ index . "absent" }}',
    '{{ index .l 2 }}',
    '{{ lt .sub 1 }}',
    '{{ eq .l .l }}',
    '{{ uppercase .n }}',
    '{{ truncate 0 "a" }}',
    '{{ decode_hex "6" }}',
    '{{ decode_base64 "_w==" }}',
    '{{ printf "%s" }}',
    '{{ printf "%d" "x" }}',
    '{{ .constructor }}',
    '{{ .__proto__ }}',
    '{{ range .empty }}x{{ end }}',
  ]) {
    const template = parsePolicyTemplate(text)
    assert.ok(template.ok, text)
    assert.equal(renderPolicyTemplate(template.value, claims, env).ok, false, text)
  }
})

test('ROL-059: a template that is no template is refused when the role is written', () => {
  for (const text of [
    '',
    '{{ .x',
    '{{ .x }',
    '{{if .x}}',
    '{{end}}',
    '{{else}}',
    '{{ nofunc .x }}',
    '{{ $x }}',
    '{{ "open }}',
    '{{ }}',
    '{{ (.x }}',
    '{{ .x | }}',
    '{{ .x .y }}',
    '{{ template "x" }}',
    '{{ define "x" }}{{ end }}',
    '{{ 1x }}',
    '{{ . # }}',
    '{{if .x}}{{else}}{{else}}{{end}}',
    '{{ range $a, $b, $c := .x }}{{end}}',
    '{{if .x}}'.repeat(100) + '{{end}}'.repeat(100),
    `{{ ${'('.repeat(10_000)}`,
    'x'.repeat(70_000),
  ]) {
    assert.equal(parsePolicyTemplate(text).ok, false, text.slice(0, 40))
  }
})

test('a template is bounded in steps and output whatever the claims hold', () => {
  const hostile = claimsOf(
    JSON.stringify({ l: Array.from({ length: 10_000 }, () => 'x'), s: 'a'.repeat(60_000) }),
  )
  for (const text of [
    '{{ range .l }}{{ range $.l }}{{ . }}{{ end }}{{ end }}',
    '{{ .s | replace "a" .s }}',
    '{{ .s }}{{ .s }}',
    '{{ print .s .s }}',
    '{{ printf "%99999d" 1 }}',
    '{{ random 100000 }}',
  ]) {
    const template = parsePolicyTemplate(text)
    assert.ok(template.ok, text)
    assert.equal(renderPolicyTemplate(template.value, hostile, env).ok, false, text)
  }
})

test('a call pays for what it looks at, and the templates of one role pay together', () => {
  const large = claimsOf(
    JSON.stringify({ l: Array.from({ length: 300 }, () => 'x'), s: 'a'.repeat(50_000) }),
  )
  const expensive = '{{ range .l }}{{ if eq $.s . }}{{ end }}{{ end }}p'
  assert.equal(policiesOf([expensive], large).ok, false)
  // A third of what one role may spend.
  const fair = '{{ range .l }}{{ if eq . "y" }}{{ end }}{{ end }}p'
  assert.equal(policiesOf([fair], large).ok, true)
  assert.equal(
    policiesOf(
      Array.from({ length: 100 }, () => fair),
      large,
    ).ok,
    false,
  )
})

test('an argument that is longer than any result may be is refused', () => {
  const large = claimsOf(JSON.stringify({ s: 'a'.repeat(70_000) }))
  for (const call of ['len .s', 'sha256 .s', 'eq .s "a"', 'truncate 5 .s', 'index . .s']) {
    assert.equal(policiesOf([`{{ ${call} }}`], large).ok, false, call)
  }
})

test('a name that no policy can have is refused, and so are too many variables', () => {
  const long = claimsOf(JSON.stringify({ s: 'a'.repeat(1025) }))
  assert.equal(policiesOf(['{{ .s }}'], long).ok, false)
  assert.equal(policiesOf(['{{ truncate 1024 .s }}'], long).ok, true)
  assert.equal(parsePolicyTemplate('{{ $x := 1 }}'.repeat(100)).ok, false)
})

test('truncate_sha256 counts characters and halves none', () => {
  assert.equal(render('{{ "äöü😀äöü😀äöü" | truncate_sha256 9 }}').length, 9)
  assert.equal(render('{{ "😀😀😀" | truncate 2 }}'), '😀😀')
  assert.equal(render('{{ "äöü😀äöü😀ä" | truncate_sha256 9 }}'), 'äöü😀äöü😀ä')
})
