/** The LMDB engine against the interface of all engines. */

import { after } from 'node:test'
import '../harness/properties.ts'
import { storageSuite } from './storage-suite.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

storageSuite('lmdb', async () => {
  const path = freshFolder()
  return { engine: await openAt(path), reopen: () => openAt(path) }
})
