/**
 * The least that Node can do for a sign-in: hands out an address with PKCE, exchanges the code at the same provider, verifies the ID token and answers
 * after one synced LMDB write. No roles, no sealing, no stored states, no checks beside the signature.
 */

import { createHash, createPublicKey, randomBytes, randomFillSync, verify } from 'node:crypto'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { open } from 'lmdb'

const { path, idpPort, answerBytes } = JSON.parse(process.argv[2])
const db = open({
  path,
  encoding: 'binary',
  keyEncoding: 'binary',
  pageSize: 8192,
  overlappingSync: false,
  compression: false,
})
const agent = new Agent({ keepAlive: true })
const open_ = new Map()
const answerText = JSON.stringify({ auth: 'x'.repeat(Math.max(answerBytes - 12, 1)) })
const { keys } = await (await fetch(`http://127.0.0.1:${idpPort}/jwks`)).json()
const key = createPublicKey({ key: keys[0], format: 'jwk' })
let count = 0

function exchange(code, verifier) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
  })
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      {
        host: '127.0.0.1',
        port: idpPort,
        method: 'POST',
        path: '/token',
        agent,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve(JSON.parse(text)))
      },
    )
    call.on('error', reject)
    call.end(body.toString())
  })
}

function send(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length })
  response.end(text)
}

async function finish(url, response) {
  const state = url.searchParams.get('state')
  const verifier = open_.get(state)
  open_.delete(state)
  const { id_token } = await exchange(url.searchParams.get('code'), verifier)
  const [head, payload, signature] = id_token.split('.')
  const isGood = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  )
  if (!isGood || JSON.parse(Buffer.from(payload, 'base64url')).aud !== 'bench') {
    send(response, 400, '{}')
    return
  }
  const id = Buffer.alloc(12)
  id.writeUIntBE(Date.now(), 0, 6)
  id.writeUInt32BE(count++, 6)
  await db.put(id, randomFillSync(Buffer.allocUnsafe(700)))
  send(response, 200, answerText)
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (url.pathname === '/callback') {
    finish(url, response).catch(() => send(response, 500, '{}'))
    return
  }
  request.resume()
  request.on('end', () => {
    const state = randomBytes(32).toString('base64url')
    const verifier = randomBytes(32).toString('base64url')
    open_.set(state, verifier)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const nonce = randomBytes(16).toString('hex')
    const auth_url = `http://idp/authorize?state=${state}&nonce=${nonce}&code_challenge=${challenge}`
    send(response, 200, JSON.stringify({ data: { auth_url } }))
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
process.on('SIGTERM', () => {
  server.closeAllConnections()
  server.close(() => void db.close().then(() => process.exit(0)))
})
setTimeout(() => process.exit(2), 20 * 60_000).unref()
