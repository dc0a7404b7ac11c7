/**
 * Figures of an earlier version beside those of this run. Rates depend on the machine and the hour, so each stands with the
 * rate of the floor program in its own run; only the shares of it can be compared.
 */

import { readFileSync } from 'node:fs'

/** What is kept of a report; made by `npm run bench -- --tree=FOLDER --json` on a built checkout of that version. */
export function readEarlier(version) {
  const file = new URL(`./results/${version}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** One line for each kind of request that both have. */
export function besideEarlier(version, report, names) {
  const earlier = readEarlier(version)
  const lines = names
    .filter((name) => earlier[name] !== undefined)
    .map(
      (name) =>
        `${name.padEnd(8)} ${figures(report[name])}   ${version}: ${figures(earlier[name])}`,
    )
  return [
    `share of the floor's rate (floor/s) and CPU of the floor's, now and version ${version}:`,
    ...lines,
  ]
}

function figures({ ratio, floorPerSecond, cpuRatio }) {
  const floor = `(${floorPerSecond.toFixed(0)}/s)`
  const cpu = Number.isFinite(cpuRatio) ? ` CPU x ${cpuRatio.toFixed(2)}` : ''
  return `${ratio.toFixed(2)} ${floor.padStart(10)}${cpu}`
}
