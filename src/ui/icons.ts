/**
 * The few pictures of the pages: inline SVG in the colour of the text around it, hidden from screen
 * readers.
 */

import { ownHtml, type Html } from './html.ts'

function icon(body: string, className = ''): Html {
  const classText = className === '' ? '' : ` class="${className}"`
  return ownHtml(
    `<svg${classText} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${body}</svg>`,
  )
}

/** A turnstile from above: a post and three arms. */
const turnstile =
  '<rect x="2" y="2" width="20" height="20" rx="6"/><path d="M12 12V6M12 12l5.2 3M12 12l-5.2 3"/><circle cx="12" cy="12" r="1.6" fill="currentColor"/>'

export const icons = {
  brand: icon(turnstile),
  key: icon('<circle cx="8" cy="15" r="4"/><path d="m11 12 8-8M16 7l3 3"/>'),
  arrow: icon('<path d="M5 12h14M13 6l6 6-6 6"/>', 'go'),
  done: icon('<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>', 'mark good'),
  failed: icon('<circle cx="12" cy="12" r="10"/><path d="M12 7v6M12 16.5v.5"/>', 'mark bad'),
  warning: icon('<path d="M12 3 2.5 20h19zM12 10v4M12 17v.2"/>'),
  note: icon('<circle cx="12" cy="12" r="10"/><path d="M12 11v6M12 7v.2"/>'),
} as const

/** The icon of the tab as an address of its own, so that no request is made for one. */
export const iconAddress = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#1a8f7b" stroke-width="2" stroke-linecap="round">${turnstile.replaceAll('currentColor', '#1a8f7b')}</svg>`,
)}`
