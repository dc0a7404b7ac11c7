/**
 * A terminal as an SVG: what was entered and what was printed, step after step. Without animation, and for whoever asked for
 * less of it, all steps stand there at once.
 */

const columnsMax = 108
const charWidth = 7.8
const lineHeight = 19
const margin = { top: 46, side: 20, bottom: 18 }
const secondsPerStep = 3.2
const secondsAtEnd = 9
const secondsBefore = 5
const typedSeconds = 0.9

/** `steps`: each with the `command` and its `output`; `isMoving` shows them one after the other. */
export function terminalSvg({ title, steps, isMoving }) {
  const rows = steps.flatMap((step, at) => rowsOf(step, at, at === steps.length - 1))
  const width = Math.round(columnsMax * charWidth + 2 * margin.side)
  const height = margin.top + rows.length * lineHeight + margin.bottom
  const texts = rows.flatMap((row, at) => {
    if (row.text === '') return []
    const y = margin.top + (at + 0.75) * lineHeight
    const body =
      row.kind === 'command'
        ? `<tspan class="prompt">${row.isFirst ? '$' : ' '} </tspan>${escaped(row.text)}`
        : escaped(row.text)
    return `<text class="${row.kind}${isMoving ? ` ${row.kind[0]}${row.step}` : ''}" x="${margin.side}" y="${y}">${body}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; white-space: pre; fill: #c9d1d9 }
.command { fill: #fff; font-weight: 600 }
.prompt { fill: #6ee7b7 }
.title { fill: #8b949e; text-anchor: middle }
${isMoving ? motion(steps.length) : ''}</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10" fill="#0d1117" stroke="#3d444d"/>
<g fill="#3d444d"><circle cx="20" cy="19" r="5.5"/><circle cx="38" cy="19" r="5.5"/><circle cx="56" cy="19" r="5.5"/></g>
<text class="title" x="${width / 2}" y="23">${escaped(title)}</text>
${texts.join('\n')}
</svg>
`
}

/** A step is hidden until its turn and then stays to the end of the round. The first thing to be seen is such an end. */
function motion(count) {
  const round = count * secondsPerStep + secondsAtEnd
  const rules = Array.from({ length: count }, (_, at) => [
    rule(`c${at}`, at * secondsPerStep, round),
    rule(`o${at}`, at * secondsPerStep + typedSeconds, round),
  ])
  const lines = rules.flat().join('\n')
  return `@media (prefers-reduced-motion: no-preference) {\n${lines}\n}\n`
}

function rule(name, fromSeconds, round) {
  // What is there from the beginning needs no motion.
  if (fromSeconds === 0) return ''
  const from = ((100 * fromSeconds) / round).toFixed(2)
  return `@keyframes ${name} { 0%, ${from}% { opacity: 0 } ${(Number(from) + 0.6).toFixed(2)}%, 100% { opacity: 1 } }
.${name} { animation: ${name} ${round}s ${secondsBefore - round}s infinite }`
}

function rowsOf({ command, output }, step, isLast) {
  const commands = wrapped(command, columnsMax - 2).map((text, at) => ({
    kind: 'command',
    isFirst: at === 0,
    text,
    step,
  }))
  const lines = output.replace(/\n+$/, '').split('\n')
  const outputs = lines.flatMap((line) => wrapped(line, columnsMax))
  const rows = [...commands, ...outputs.map((text) => ({ kind: 'output', text, step }))]
  return isLast ? rows : [...rows, { kind: 'output', text: '', step }]
}

/** Broken at blanks where there are some. */
function wrapped(line, columns) {
  const rows = []
  let rest = line
  while (rest.length > columns) {
    const blank = rest.lastIndexOf(' ', columns)
    const end = blank > columns / 2 ? blank : columns
    rows.push(rest.slice(0, end))
    rest = rest.slice(end).replace(/^ /, '')
  }
  return [...rows, rest]
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
