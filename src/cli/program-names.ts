/**
 * Under which names the program stands in for an existing client. Scripts and people's habits come
 * with those names, so that what it prints keeps the layout that they know; under its own names it
 * says the same in fewer lines, the cause first.
 */

export const stockNames: readonly string[] = ['vault', 'bao']

export function isStockName(programName: string): boolean {
  return stockNames.includes(programName)
}
