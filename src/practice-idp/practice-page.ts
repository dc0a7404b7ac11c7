/** The practice provider's page: what it offers and what is wrong with it at the moment. */

import { troubleNames, troubles, type Trouble } from './trouble.ts'
import { workloadNames, workloads } from './workload.ts'

export interface PracticeFacts {
  readonly issuer: string
  readonly generation: number
  readonly active: ReadonlySet<Trouble>
}

export const pageSecurityPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export function practicePage(facts: PracticeFacts): string {
  const issuer = escapeHtml(facts.issuer)
  const mintings = workloadNames.map(
    (name) =>
      `<li><form method="post" action="/mint"><input type="hidden" name="template" value="${name}"><button>${name}</button> ${escapeHtml(workloads[name].help)}</form></li>`,
  )
  const switches = troubleNames.map((name) => {
    const isOn = facts.active.has(name)
    const value = isOn ? 'false' : 'true'
    return `<li><form method="post" action="/troubles"><input type="hidden" name="${name}" value="${value}"><button>${isOn ? 'end' : 'start'}</button> ${isOn ? '<strong>' : ''}${name}${isOn ? '</strong>' : ''}: ${escapeHtml(troubles[name])}</form></li>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Practice identity provider</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}form{display:inline}code{font-size:.95em}</style></head>
<body><h1>Practice identity provider</h1>
<p>For trying things out on this machine. It knows no passwords and its tokens are worth nothing elsewhere.</p>
<ul><li>Issuer <code>${issuer}</code></li>
<li><a href="/.well-known/openid-configuration">Discovery document</a></li>
<li><a href="/jwks">Key set</a>, generation ${facts.generation}
<form method="post" action="/rotate"><button>rotate</button></form></li></ul>
<h2>Make a token</h2><p><code>POST /mint</code> with <code>template</code>, <code>claims</code>, <code>alg</code>, <code>lifetime_seconds</code>.</p>
<ul>${mintings.join('\n')}</ul>
<h2>Trouble</h2><ul>${switches.join('\n')}</ul>
</body></html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
