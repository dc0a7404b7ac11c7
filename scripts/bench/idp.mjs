/**
 * The identity provider of the bench: discovery, keys, and a token endpoint that checks PKCE and signs an ID token. It keeps nothing: a code is the
 * nonce and the challenge of the sign-in it belongs to. Ends by itself.
 */

import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'RS256' }
let issuer = ''

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const head = part({ alg: 'RS256', typ: 'JWT', kid: 'bench' })

function tokens(form) {
  const [nonce, challenge] = (form.get('code') ?? '').split('.')
  const verifier = form.get('code_verifier') ?? ''
  if (createHash('sha256').update(verifier).digest('base64url') !== challenge) {
    return [400, { error: 'invalid_grant' }]
  }
  const now = Math.floor(Date.now() / 1000)
  const payload = part({
    iss: issuer,
    sub: 'alice',
    aud: 'bench',
    iat: now,
    exp: now + 300,
    nonce,
    email: 'alice@example.com',
    groups: ['platform', 'developers'],
  })
  const signature = sign('sha256', Buffer.from(`${head}.${payload}`), privateKey)
  const id_token = `${head}.${payload}.${signature.toString('base64url')}`
  return [200, { access_token: 'x'.repeat(32), token_type: 'Bearer', expires_in: 300, id_token }]
}

function answer(path, body) {
  if (path === '/.well-known/openid-configuration') {
    return [
      200,
      {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
      },
    ]
  }
  if (path === '/jwks') return [200, { keys: [jwk] }]
  return path === '/token' ? tokens(new URLSearchParams(body)) : [404, {}]
}

const server = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    const [status, value] = answer(request.url, body)
    const text = JSON.stringify(value)
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': text.length,
    })
    response.end(text)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`
  process.stdout.write(`${server.address().port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
setTimeout(() => process.exit(2), 20 * 60_000).unref()
