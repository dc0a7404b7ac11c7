/**
 * Programs that stand in for browsers and launchers: each writes down its arguments, then comes back to the redirect URI
 * of the address that it was given, as a browser does after a sign-in.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class StandIns {
  readonly folder = mkdtempSync(join(tmpdir(), 'stand-ins-'))
  readonly #record = join(this.folder, 'record.jsonl')

  constructor(names: readonly string[]) {
    for (const name of names) this.add(name)
  }

  add(name: string): void {
    writeFileSync(join(this.folder, name), program(name, this.#record), { mode: 0o755 })
  }

  /** Program and arguments of every start so far. */
  get started(): readonly (readonly string[])[] {
    if (!existsSync(this.#record)) return []
    const lines = readFileSync(this.#record, 'utf8').trim().split('\n')
    return lines.map((line) => JSON.parse(line))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function program(name: string, record: string): string {
  return `#!${process.execPath}
const words = process.argv.slice(2)
require('node:fs').appendFileSync(
  ${JSON.stringify(record)},
  JSON.stringify([${JSON.stringify(name)}, ...words]) + '\\n',
)
const address = words.find((word) => URL.canParse(word) && new URL(word).searchParams.has('state'))
const query = new URL(address).searchParams
const back = new URL(query.get('redirect_uri'))
back.search = new URLSearchParams({ state: query.get('state'), code: 'c' }).toString()
fetch(back)
`
}
