/** The door to threads: for work of a library that would hold up everybody on the event loop. */

import { Worker } from 'node:worker_threads'

const code = `
const { parentPort, workerData } = require('node:worker_threads')
const { library, name, given } = workerData
import(library).then((module) => parentPort.postMessage(module[name](...given)))
`

/** What a function of the library at that URL gives, on a thread that ends with it. */
export function callInThread(
  library: string,
  name: string,
  given: readonly string[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(code, { eval: true, workerData: { library, name, given } })
    thread.once('message', resolve)
    thread.once('error', reject)
    // Nothing happens then when it has given something.
    thread.once('exit', () => reject(new Error(`the thread of ${name} ended without a result`)))
  })
}
