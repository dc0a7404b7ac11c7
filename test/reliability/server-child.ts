/**
 * A whole server on LMDB as a process of its own, for tests that kill it. Its static seal opens it without anybody. Says `ready <url>`
 * on standard output; SIGTERM stops it in order.
 */

import { startTestServer } from '../harness/test-server.ts'

const [, , folder = '', staticKey = ''] = process.argv

const server = await startTestServer({ storage: 'lmdb', folder, staticKey, raw: true })

process.on('SIGTERM', () => {
  void server.stop().then(() => {
    process.stdout.write('stopped\n')
    process.exitCode = 0
    // Idle connections of the load are gone by now; nothing may keep the process.
    setTimeout(() => process.exit(3), 3000).unref()
  })
})

process.stdout.write(`ready ${server.url}\n`)
