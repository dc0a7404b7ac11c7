/**
 * Looks at LMDB's data file before LMDB does. LMDB takes an empty file for a new store, and reads
 * pages beyond the end of a cut file through its memory map, which ends the process without a word.
 * Layout: `mdb.c` of the lmdb package (MDB_meta, MDB_page, MDB_node), whose page header has 24
 * bytes, as it is on little-endian 64-bit machines.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const magic = 0xbeefc0de
const pageHeaderBytes = 24
const metaBytes = 168
const pageBytesMax = 65_536
const branchFlag = 0x01
const leafFlag = 0x02
const overflowFlag = 0x04
const bigDataFlag = 0x01
const treeFlag = 0x02
const noRoot = 0xffff_ffff_ffff_ffffn
const treeDepthMax = 32
/** In the description of a tree (MDB_db). */
const treeRootOffset = 40

interface Meta {
  readonly pageBytes: number
  readonly lastPage: bigint
  readonly transaction: bigint
  readonly pagesInUse: bigint
  readonly roots: readonly bigint[]
}

/** Of a file that another process is writing: by then it is alive, and LMDB's own lock rules. */
const looksMax = 100

/**
 * What is wrong with the file, as half a sentence; undefined when LMDB may open it. Reads only. A
 * problem counts only in a file that stood still meanwhile: while another process commits, the
 * length may be of one transaction and the pages of the next.
 */
export function findDataFileProblem(path: string): string | undefined {
  const file = openSync(path, 'r')
  try {
    let before = stateOf(file)
    for (let look = 0; look < looksMax; look++) {
      const problem = findProblem(file, before.sizeBytes)
      if (problem === undefined) return undefined
      const after = stateOf(file)
      if (before.sizeBytes === after.sizeBytes && before.heads.equals(after.heads)) return problem
      before = after
    }
    return undefined
  } finally {
    closeSync(file)
  }
}

/** The two head pages, and how far the newest state reaches in the file. */
export function readDataFileHead(
  file: number,
): { readonly headBytes: number; readonly contentBytes: number } | undefined {
  const first = readMeta(file, 0)
  const second = first === undefined ? undefined : readMeta(file, first.pageBytes)
  if (first === undefined || second === undefined) return undefined
  const { lastPage, pageBytes } = first.transaction > second.transaction ? first : second
  return { headBytes: 2 * pageBytes, contentBytes: (Number(lastPage) + 1) * pageBytes }
}

/** What every commit changes: one of the two head pages, whatever the page size is. */
function stateOf(file: number): { readonly sizeBytes: bigint; readonly heads: Buffer } {
  const heads = Buffer.alloc(2 * pageBytesMax)
  const count = readSync(file, heads, 0, heads.length, 0)
  return { sizeBytes: BigInt(fstatSync(file).size), heads: heads.subarray(0, count) }
}

function findProblem(file: number, sizeBytes: bigint): string | undefined {
  const first = readMeta(file, 0)
  if (first === undefined) return 'does not begin like a data file (zeroed, cut or something else)'
  const second = readMeta(file, first.pageBytes)
  if (second === undefined) return 'has lost its second page'
  const meta = first.transaction > second.transaction ? first : second
  const pages = sizeBytes / BigInt(meta.pageBytes)
  if (pages > meta.lastPage) return undefined
  // LMDB may leave the last pages unwritten when they are free, so a short file is not yet a
  // damaged one.
  if (meta.pagesInUse > pages) return 'was cut: it is shorter than its content'
  const whole = meta.roots.every((root) => isTreeWithin(file, meta.pageBytes, pages, root, 0))
  return whole ? undefined : 'was cut: pages in use are beyond its end'
}

function readMeta(file: number, position: number): Meta | undefined {
  const page = readAt(file, position + pageHeaderBytes, metaBytes - pageHeaderBytes)
  if (page === undefined || page.readUInt32LE(0) !== magic) return undefined
  const pageBytes = page.readUInt32LE(24)
  if (pageBytes < 256 || pageBytes > pageBytesMax) return undefined
  // Two trees: the free list and the records. Each: pad, flags, depth, then branch, leaf and
  // overflow pages, entries, root.
  const trees = [24, 72]
  const pagesInUse = trees
    .flatMap((at) => [at + 8, at + 16, at + 24])
    .reduce((sum, at) => sum + page.readBigUInt64LE(at), 2n)
  return {
    pageBytes,
    lastPage: page.readBigUInt64LE(120),
    transaction: page.readBigUInt64LE(128),
    pagesInUse,
    roots: trees
      .map((at) => page.readBigUInt64LE(at + treeRootOffset))
      .filter((root) => root !== noRoot),
  }
}

function isTreeWithin(
  file: number,
  pageBytes: number,
  pages: bigint,
  number: bigint,
  depth: number,
): boolean {
  if (number >= pages || depth > treeDepthMax) return false
  const page = readAt(file, Number(number) * pageBytes, pageBytes)
  if (page === undefined) return false
  const flags = page.readUInt16LE(18)
  if ((flags & (branchFlag | leafFlag)) === 0) return false
  // The list of nodes begins after the header and ends at `lower`; positions count from the start
  // of the page.
  const lower = page.readUInt16LE(20)
  for (let at = pageHeaderBytes; at + 1 < lower && at + 1 < pageBytes; at += 2) {
    const node = page.readUInt16LE(at)
    if (node + 8 > pageBytes) return false
    if ((flags & branchFlag) !== 0) {
      const low = page.readUInt32LE(node)
      const child = (BigInt(page.readUInt16LE(node + 4)) << 32n) | BigInt(low)
      if (!isTreeWithin(file, pageBytes, pages, child, depth + 1)) return false
    } else if (!isDataWithin(file, page, pages, node, depth)) return false
  }
  return true
}

/** What a node of a leaf leads to: pages of a large value, or the root of another tree. */
function isDataWithin(
  file: number,
  page: Buffer,
  pages: bigint,
  node: number,
  depth: number,
): boolean {
  const flags = page.readUInt16LE(node + 4)
  const dataAt = node + 8 + page.readUInt16LE(node + 6)
  if ((flags & bigDataFlag) !== 0) {
    if (dataAt + 8 > page.length) return false
    return isOverflowWithin(file, page.length, pages, page.readBigUInt64LE(dataAt))
  }
  if ((flags & treeFlag) === 0) return true
  const rootAt = dataAt + treeRootOffset
  if (rootAt + 8 > page.length) return false
  const root = page.readBigUInt64LE(rootAt)
  return root === noRoot || isTreeWithin(file, page.length, pages, root, depth + 1)
}

function isOverflowWithin(file: number, pageBytes: number, pages: bigint, number: bigint): boolean {
  if (number >= pages) return false
  const head = readAt(file, Number(number) * pageBytes, pageHeaderBytes)
  if (head === undefined || (head.readUInt16LE(18) & overflowFlag) === 0) return false
  return number + BigInt(head.readUInt32LE(20)) <= pages
}

function readAt(file: number, position: number, count: number): Buffer | undefined {
  const bytes = Buffer.alloc(count)
  return readSync(file, bytes, 0, count, position) === count ? bytes : undefined
}
