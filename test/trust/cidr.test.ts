/** Networks and addresses of bound CIDRs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { carriedAddress, cidrContains, parseCidr } from '../../src/lib/cidr.ts'

function contains(network: string, address: string): boolean {
  const cidr = parseCidr(network)
  assert.ok(cidr !== undefined, network)
  return cidrContains(cidr, address)
}

test('ROL-043: only exact addresses and networks are read', () => {
  for (const text of [
    '300.1.1.1',
    '10.1',
    '010.0.0.1',
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/08',
    '10.0.0.1/-1',
    '::1/129',
    'fe80::1%eth0',
    '',
    ' 10.0.0.1',
    '0x7f.0.0.1',
    'localhost',
    '1.2.3.4/8/8',
    '::ffff:300.0.0.1',
  ]) {
    assert.equal(parseCidr(text), undefined, text)
  }
})

test('a network holds its own addresses, also with host bits set', () => {
  assert.equal(parseCidr('127.0.0.1/8')?.text, '127.0.0.1/8')
  for (const [network, address, expected] of [
    ['127.0.0.1/8', '127.255.0.9', true],
    ['127.0.0.1/8', '128.0.0.1', false],
    ['10.0.0.42', '10.0.0.42', true],
    ['10.0.0.42', '10.0.0.43', false],
    ['10.1.2.0/23', '10.1.3.255', true],
    ['10.1.2.0/23', '10.1.4.0', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '203.0.113.9', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['2001:0DB8:0:0::1', '2001:db8::1', true],
    ['10.0.0.0/8', '::ffff:10.2.3.4', true],
    ['::ffff:10.0.0.0/104', '10.2.3.4', true],
    ['10.0.0.0/8', '::ffff:a02:304', true],
    ['10.0.0.0/8', 'nonsense', false],
    ['10.0.0.0/8', '', false],
  ] as const) {
    assert.equal(contains(network, address), expected, `${network} ${address}`)
  }
})

test('an address that carries an IPv4 address for a translator or a tunnel is seen through', () => {
  for (const [address, carried] of [
    ['64:ff9b::10.2.3.4', '10.2.3.4'],
    ['64:ff9b:1:2:3:4:a02:304', '10.2.3.4'],
    ['2002:a02:304:5::6', '10.2.3.4'],
    ['::ffff:0:10.2.3.4', '10.2.3.4'],
    ['::10.2.3.4', '10.2.3.4'],
    ['::1', undefined],
    ['::', undefined],
    ['::ffff:10.2.3.4', undefined],
    ['64:ff9b:2::10.2.3.4', undefined],
    ['2001:db8::10.2.3.4', undefined],
    ['10.2.3.4', undefined],
    ['nonsense', undefined],
  ] as const) {
    assert.equal(carriedAddress(address), carried, address)
  }
})
