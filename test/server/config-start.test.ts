/** The server program with a configuration file: what stops it, what it only warns of, and its signals. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import { makeCertificate } from '../http/self-signed.ts'
import { ServerFolder } from './server-process.ts'

const folder = new ServerFolder()
after(() => folder.remove())

test('CLI-60: a listener with neither TLS files nor tls_disable ends the program with code 1 and the reason', async () => {
  const run = folder.start(
    'bare.hcl',
    'storage "inmem" {}\nlistener "tcp" { address = "127.0.0.1:0" }\n',
  )
  assert.equal(await run.exit, 1)
  assert.match(
    run.output,
    /bare\.hcl:2:1: listener: "tls_cert_file" is missing.*tls_disable = true/,
  )
})

test('CLI-61 CLI-63: with an unknown key the server warns and starts, and SIGTERM ends it with code 0', async () => {
  const run = folder.start(
    'unknown.hcl',
    'storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n}\nclustername = "x"\n',
  )
  const [, url = ''] = await run.until(/Api Address: (http:\S+)/)
  await run.until(/"clustername" is unknown and ignored; did you mean "cluster_name"/)
  assert.equal((await fetch(`${url}/v1/sys/seal-status`)).status, 200)
  assert.equal(await run.stop(), 0)
})

test('CLI-62: after SIGHUP new connections get the new certificate', async () => {
  const certificate = join(folder.path, 'c.pem')
  const key = join(folder.path, 'k.pem')
  const save = (commonName: string) => {
    const made = makeCertificate({ commonName, altNames: ['127.0.0.1'] })
    writeFileSync(certificate, made.certificate)
    writeFileSync(key, made.key, { mode: 0o600 })
  }
  save('first.example')
  const run = folder.start(
    'tls.hcl',
    `storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:0"\n tls_cert_file = "${certificate}"\n tls_key_file = "${key}"\n}\n`,
  )
  const [, port = ''] = await run.until(/Api Address: https:\/\/127\.0\.0\.1:(\d+)/)
  assert.equal(await servedName(Number(port)), 'first.example')
  save('second.example')
  run.child.kill('SIGHUP')
  await run.until(/reloaded/)
  assert.equal(await servedName(Number(port)), 'second.example')
  assert.equal(await run.stop(), 0)
})

function servedName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.end()
    })
    socket.on('error', reject)
  })
}

/** Addresses that are no loopback; nothing of ours has them, so that nobody hears if they are served. */
const elsewhere = ['0.0.0.0:0', ':0', '[::]:0', '192.0.2.1:8200', 'tokenstile.invalid:8200']

test('plain HTTP for other machines stops the program, in the last of as many listeners as may be too (SEC-CFG-S2)', async () => {
  const local = 'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
  for (const [i, address] of elsewhere.entries()) {
    const plain = `listener "tcp" { address = "${address}" }\n`
    for (const [j, text] of [plain, local.repeat(31) + plain].entries()) {
      const run = folder.start(`plain-${i}-${j}.hcl`, `storage "inmem" {}\n${text}`)
      assert.equal(await run.exit, 1, `${address}: ${run.output}`)
      assert.match(run.output, /tls_disable = true serves plain HTTP/, address)
      assert.doesNotMatch(run.output, /Api Address/, address)
    }
  }
})

test('the explicit switch is followed and warned of; on this machine it needs no warning (SEC-CFG-S2)', async () => {
  const listener = (address: string) =>
    `storage "inmem" {}\nlistener "tcp" {\n  address = "${address}"\n  tls_disable = true\n}\n`
  // Nobody has this address: the program tries to listen there, which is as far as a test may go.
  const open = folder.start('open.hcl', listener('192.0.2.1:0'))
  assert.equal(await open.exit, 1)
  assert.match(open.output, /plain HTTP to other machines/)
  assert.doesNotMatch(open.output, /serves plain HTTP,/)
  const local = folder.start('local.hcl', listener('127.0.0.1:0'))
  await local.url()
  assert.doesNotMatch(local.output, /plain HTTP/)
  assert.equal(await local.stop(), 0)
})
