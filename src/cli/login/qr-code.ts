/**
 * A QR code for a terminal (jwt-oidc.md §7.4): light modules are drawn, two rows of modules to a
 * line of text.
 */

import { encode } from 'uqr'

const border = 2

/** Lines; undefined when the text is too long for a code. */
export function qrCode(text: string, colorTerm: string | undefined): string | undefined {
  const modules = modulesOf(text)
  if (modules === undefined) return undefined
  const isTrueColor = ['truecolor', '24bit'].includes((colorTerm ?? '').trim().toLowerCase())
  const lines: string[] = []
  for (let row = 0; row < modules.length; row += 2) {
    const upper = modules[row] ?? []
    const lower = modules[row + 1]
    const line = upper.map((isDark, column) => cell(isDark, lower?.[column] ?? true)).join('')
    lines.push(isTrueColor ? `\u001b[38;2;255;255;255;48;2;0;0;0m${line}\u001b[0m` : line)
  }
  return lines.join('\n')
}

function modulesOf(text: string): readonly (readonly boolean[])[] | undefined {
  try {
    return encode(text, { ecc: 'L', border, boostEcc: false }).data
  } catch {
    return undefined
  }
}

function cell(isUpperDark: boolean, isLowerDark: boolean): string {
  if (isUpperDark) return isLowerDark ? ' ' : '▄'
  return isLowerDark ? '▀' : '█'
}
