/** Ways in which a data folder is damaged while nobody has it open: for the engine and for a whole server. */

import { createHash } from 'node:crypto'
import {
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Each file of the folder with what is in it. */
export function hashFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .toSorted()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    )
}

/** What befell a data folder, what is said about it, and how it is done. */
export const damages: readonly (readonly [string, RegExp, (folder: string) => void])[] = [
  ['a data file of no bytes', /damaged/, (folder) => truncateSync(join(folder, 'data.mdb'), 0)],
  [
    'a data file of half a page',
    /damaged/,
    (folder) => truncateSync(join(folder, 'data.mdb'), 4096),
  ],
  [
    'a data file of its first page',
    /damaged/,
    (folder) => truncateSync(join(folder, 'data.mdb'), 8192),
  ],
  [
    'a data file of half its length',
    /damaged: data.mdb was cut/,
    (folder) =>
      truncateSync(join(folder, 'data.mdb'), statSync(join(folder, 'data.mdb')).size >> 1),
  ],
  [
    'a data file of zeros',
    /damaged/,
    (folder) => writeFileSync(join(folder, 'data.mdb'), Buffer.alloc(1 << 20)),
  ],
  ['no data file', /lost its data.mdb/, (folder) => unlinkSync(join(folder, 'data.mdb'))],
  [
    'a format of the future',
    /has format 99, and this version reads formats 1 and 2 only/,
    (folder) => {
      const record = JSON.parse(readFileSync(join(folder, 'format.json'), 'utf8')) as object
      writeFileSync(join(folder, 'format.json'), JSON.stringify({ ...record, format: 99 }))
    },
  ],
  [
    'an unreadable format.json',
    /unreadable format.json/,
    (folder) => writeFileSync(join(folder, 'format.json'), '{'),
  ],
  [
    'a foreign format.json',
    /did not write/,
    (folder) => writeFileSync(join(folder, 'format.json'), '{"format":1}'),
  ],
  [
    'an empty format.json',
    /did not write/,
    (folder) => writeFileSync(join(folder, 'format.json'), 'null'),
  ],
]
