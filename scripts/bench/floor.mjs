/**
 * The floor program: the least that Node can do for a durable login. `node:http`, one JSON body, one RS256 verification,
 * one synced LMDB write, one answer of the same size as the product's; and bare answers of the sizes of the reads.
 * It has no roles, no policies, no sealing, no expiry. Every figure of the bench is also a ratio to it.
 */

import { createPublicKey, randomFillSync, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { open } from 'lmdb'

const { path, jwk, loginBytes, lookupBytes, kvBytes } = JSON.parse(process.argv[2])
const key = createPublicKey({ key: jwk, format: 'jwk' })
const db = open({
  path,
  encoding: 'binary',
  keyEncoding: 'binary',
  pageSize: 8192,
  overlappingSync: false,
  compression: false,
})
const filler = (bytes) => JSON.stringify({ auth: 'x'.repeat(Math.max(bytes - 12, 1)) })
const loginText = filler(loginBytes)
const lookupText = filler(lookupBytes)
const kvText = filler(kvBytes)
let count = 0

function send(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length })
  response.end(text)
}

function verified(jwt) {
  const [head, payload, signature] = jwt.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url'))
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  if (header.alg !== 'RS256' || claims.exp * 1000 < Date.now()) return false
  return verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  )
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    send(response, 200, request.url === '/kv' ? kvText : lookupText)
    return
  }
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    const { jwt } = JSON.parse(body)
    if (!verified(jwt)) {
      send(response, 400, '{}')
      return
    }
    const id = Buffer.alloc(12)
    id.writeUIntBE(Date.now(), 0, 6)
    id.writeUInt32BE(count++, 6)
    db.put(id, randomFillSync(Buffer.allocUnsafe(700))).then(
      () => send(response, 200, loginText),
      () => send(response, 500, '{}'),
    )
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
process.on('SIGTERM', () => {
  server.closeAllConnections()
  server.close(() => void db.close().then(() => process.exit(0)))
})
setTimeout(() => process.exit(2), 20 * 60_000).unref()
