/** The pages as texts: escaping, headers, whose side a reason is on, and the contrast of the colours. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { reasonCodes } from '../../src/trust/reasons.ts'
import { confirmationPage, errorPage, handOverPage } from '../../src/ui/flow-pages.ts'
import { foreign, html, scriptJson } from '../../src/ui/html.ts'
import { remaining } from '../../src/ui/moments.ts'
import { createPage } from '../../src/ui/page.ts'
import { sideOf } from '../../src/ui/reason-side.ts'
import { strings } from '../../src/ui/strings.ts'
import { stylesheet } from '../../src/ui/style.ts'
import { hostileTexts } from './hostile-texts.ts'
import { samplePages } from './sample-pages.ts'

const nonce = 'QUJDREVGR0hJSktMTU5P'

suite('SEC-WEB-01: what others wrote is text', () => {
  const plain = samplePages('word')
  for (const [label, text] of hostileTexts) {
    test(label, () => {
      for (const [name, page] of Object.entries(samplePages(text))) {
        const before = plain[name]?.body ?? ''
        // The same tags with the same names of attributes, in the same order.
        assert.deepEqual(tagsOf(page.body), tagsOf(before), name)
      }
    })
  }

  test('invisible characters are shown, in pages and in the names of mounts', () => {
    assert.equal(foreign('a\u202eb\u0000c\u200bd').text, '<bdi>a\\u202eb\\u0000c\\u200bd</bdi>')
    assert.equal(html`${'\ud800<'}`.text, '\ufffd&#60;')
  })

  test('a long text is cut between characters', () => {
    assert.equal(foreign('😀'.repeat(300), 3).text, '<bdi>😀…</bdi>')
  })

  test('a sign-in that was started at another address than the browser has says both (FIX-G5)', () => {
    const facts = { nonce, role: 'r', mount: 'oidc/', startedAt: '2026-11-23T08:00:00Z' }
    const page = (address: string, browserAddress: string) =>
      confirmationPage({
        ...{ ...facts, address, browserAddress, startedSecondsAgo: 4, code: 'C' },
        ...{ provider: 'idp.example', status: 200, form: undefined },
      }).body
    assert.match(
      page('192.0.2.1', '192.0.2.9'),
      /192\.0\.2\.1<.*while this browser is at.*192\.0\.2\.9/s,
    )
    for (const [from, here] of [
      ['192.0.2.1', '192.0.2.1'],
      ['192.0.2.1', ''],
      ['', '192.0.2.9'],
    ] as const) {
      assert.doesNotMatch(page(from, here), /while this browser/)
    }
  })

  test('only plain web addresses are linked to', () => {
    const confirm = (action: string) =>
      confirmationPage({
        nonce,
        browserAddress: '127.0.0.1',
        address: '',
        role: 'r',
        mount: 'oidc/',
        startedAt: '2026-11-23T08:00:00Z',
        startedSecondsAgo: 4,
        code: 'C',
        provider: 'idp.example',
        status: 200,
        form: { action, state: 'st_1', ticket: 't' },
      })
    for (const url of [
      'javascript:alert(1)',
      ' java\tscript:alert(1)',
      'data:text/html,x',
      'blob:x',
    ]) {
      assert.throws(() => confirm(url), TypeError, url)
    }
    assert.match(confirm('callback?a=a&b=b').body, /action="callback\?a=a&#38;b=b"/)
  })
})

/** Tags with their attribute names; values and texts left out. A real parser judges the same in browser.test.ts. */
function tagsOf(body: string): readonly string[] {
  return body
    .replace(/<(style|script)\b[^>]*>[\s\S]*?<\/\1>/g, '<$1></$1>')
    .replace(/="[^"]*"/g, '')
    .split('<')
    .slice(1)
    .map((piece) => (piece.split('>')[0] ?? '').replace(/[\s/]+/g, ' ').trim())
}

suite('SEC-WEB-02: values inside the script of the hand-over page', () => {
  for (const [label, text] of hostileTexts) {
    test(label, () => {
      const { body } = handOverPage({ nonce, path: text, state: text, ticket: text })
      const scripts = [...body.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)]
      assert.equal(scripts.length, 1)
      const script = scripts[0]?.[1] ?? ''
      assert.ok(!/[<>&\u2028\u2029]/.test(script), script)
      const message = /postMessage\((\{.*\}),window\.location\.origin\)/.exec(script)?.[1] ?? ''
      assert.deepEqual(JSON.parse(message), {
        source: 'oidc-callback',
        path: text,
        code: text,
        state: text,
      })
    })
  }

  test('no JSON ends a script or a comment', () => {
    assert.equal(scriptJson('</script><!--'), '"\\u003c/script\\u003e\\u003c!--"')
  })
})

suite('SEC-WEB-03: headers', () => {
  const pages = samplePages('word')
  for (const [name, page] of Object.entries(pages)) {
    test(name, () => {
      const { headers } = page
      assert.equal(page.contentType, 'text/html; charset=utf-8')
      assert.equal(headers['Cache-Control'], 'no-store')
      assert.equal(headers['X-Frame-Options'], 'DENY')
      assert.equal(headers['X-Content-Type-Options'], 'nosniff')
      assert.equal(headers['Referrer-Policy'], 'no-referrer')
      assert.equal(headers['Cross-Origin-Resource-Policy'], 'same-origin')
      const isHandOver = name === 'handOver'
      assert.equal(
        headers['Cross-Origin-Opener-Policy'],
        isHandOver ? 'unsafe-none' : 'same-origin',
      )
      const policy = (headers['Content-Security-Policy'] ?? '').split('; ')
      for (const rule of [
        "default-src 'none'",
        `style-src 'nonce-${nonce}'`,
        isHandOver ? `script-src 'nonce-${nonce}'` : "script-src 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "trusted-types 'none'",
      ]) {
        assert.ok(policy.includes(rule), `${rule} in ${policy.join('; ')}`)
      }
      assert.ok(!policy.join().includes('unsafe'))
      assert.equal(page.body.includes('<script'), isHandOver)
    })
  }

  test('SEC-WEB-04: the hand-over names its own origin as the one that may read it', () => {
    assert.match(pages['handOver']?.body ?? '', /postMessage\(.*,window\.location\.origin\)/)
  })

  test('a nonce that is no base64 is refused: it would be a policy of somebody else', () => {
    for (const bad of [
      '',
      'short',
      "x' 'unsafe-inline' 'nonce-aaaaaaaaaaaaaaaaa",
      `${nonce}\r\n`,
    ]) {
      assert.throws(
        () => createPage({ nonce: bad, status: 200, title: 't', main: html`` }),
        TypeError,
      )
    }
  })

  test('SEC-WEB-05: nothing is loaded: no address but own paths and data', () => {
    for (const [name, { body }] of Object.entries(pages)) {
      for (const [, address = ''] of body.matchAll(/(?:href|src|action)="([^"]*)"/g)) {
        assert.match(address, /^(?:\/ui\/|#|\?|data:image\/svg)/, `${name}: ${address}`)
      }
      assert.ok(!/url\(|@import|<(?:img|iframe|object|embed|base|meta http)/i.test(body), name)
    }
  })

  test('a page weighs less than 30 KiB', () => {
    for (const { body } of Object.values(pages)) assert.ok(Buffer.byteLength(body) < 30_720)
  })
})

suite('error pages', () => {
  test('every reason has a side', () => {
    assert.deepEqual(
      reasonCodes.filter((reason) => sideOf(reason) === undefined),
      [],
    )
  })

  test('the side follows the reason, and without one the status', () => {
    const page = (status: number, reason?: string) =>
      errorPage({
        nonce,
        status,
        summary: 'Sign-in failed',
        detail: 'because',
        fix: 'so',
        ...(reason === undefined ? {} : { reason }),
      }).body
    const { operator, provider } = strings.error.sides
    assert.ok(page(400, 'idp_denied').includes(provider))
    assert.ok(page(400, 'redirect_uri_refused').includes(operator))
    assert.ok(page(500).includes(operator))
    for (const mine of [page(400, 'state_unknown'), page(400)]) {
      assert.ok(!mine.includes(operator) && !mine.includes(provider))
    }
  })
})

test('time that is left is told in two units', () => {
  const texts = [0, 59, 60, 252, 3600, 11_100, 86_400, 172_800, 1_000_000].map(remaining)
  assert.deepEqual(texts, [
    '0 s',
    '59 s',
    '1 min',
    '4 min 12 s',
    '1 h',
    '3 h 5 min',
    '24 h',
    '2 days',
    '11 days',
  ])
})

suite('contrast (WCAG 2.2, 1.4.3 and 1.4.11), both schemes', () => {
  const pairs: readonly (readonly [string, string, number])[] = [
    ...['page', 'card', 'sunken'].flatMap(
      (ground) =>
        [
          ['text', ground, 4.5],
          ['muted', ground, 4.5],
          ['accent', ground, 4.5],
          ['accent-strong', ground, 4.5],
          ['control', ground, 3],
          ['accent', ground, 3],
        ] as const,
    ),
    ['on-accent', 'accent', 4.5],
    ['on-accent', 'accent-strong', 4.5],
    ['text', 'accent-soft', 4.5],
    ['accent-strong', 'accent-soft', 4.5],
    ['bad', 'card', 4.5],
    ['good', 'card', 4.5],
    ['warn', 'warn-soft', 4.5],
    ['text', 'warn-soft', 4.5],
    ['bad', 'bad-soft', 4.5],
  ]
  for (const [index, scheme] of ['light', 'dark'].entries()) {
    for (const [ink, ground, least] of pairs) {
      test(`${scheme}: ${ink} on ${ground} is ${least} or more`, () => {
        const measured = contrast(colour(ink, index), colour(ground, index))
        assert.ok(measured >= least, `${measured.toFixed(2)}`)
      })
    }
  }
})

function colour(name: string, index: number): string {
  const found = new RegExp(`--${name}:light-dark\\(([^,]*),([^)]*)\\)`).exec(stylesheet)
  assert.ok(found !== null, name)
  return found[index + 1] ?? ''
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(hex: string): number {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/g, '$&$&') : hex
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(full.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
