/** Links of an answer (RFC 8288 §3): the one that leads to the next page. */

const linksMax = 20

/** Undefined when none is named, or what is named cannot be read. */
export function nextLink(header: string | undefined): string | undefined {
  for (const link of splitLinks(header ?? '')) {
    const open = link.indexOf('<')
    const close = link.indexOf('>', open)
    if (link.slice(0, Math.max(open, 0)).trim() !== '' || open === -1 || close === -1) continue
    const parameters = link.slice(close + 1).split(';')
    if (parameters.some(isNext)) return link.slice(open + 1, close)
  }
  return undefined
}

function isNext(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=', 2)
  if (name.trim().toLowerCase() !== 'rel') return false
  return value.trim().replaceAll('"', '').toLowerCase().split(' ').includes('next')
}

/** A comma ends a link where it stands outside of the address. */
function splitLinks(header: string): readonly string[] {
  const links: string[] = []
  let from = 0
  let isInside = false
  for (let at = 0; at < header.length && links.length < linksMax; at++) {
    const character = header[at]
    if (character === '<') isInside = true
    else if (character === '>') isInside = false
    else if (character === ',' && !isInside) {
      links.push(header.slice(from, at))
      from = at + 1
    }
  }
  if (links.length < linksMax) links.push(header.slice(from))
  return links
}
