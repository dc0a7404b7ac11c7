/**
 * Kinds of logins beside a plain one, alternating in one run on one server: with groups of the provider that are known here, by
 * a program, with a role that is chosen among a thousand, in a namespace three deep, among many entities, and with a JWT in
 * place of a token. Each figure is a share of the plain login's rate, taken before and after it.
 */

import { get, post, runLoad } from './load.mjs'

const groups = ['g1', 'g2', 'g3', 'g4', 'g5']
const rolesMax = 1000

/** `mint(i, more)` signs the bench's claims and more of them; `service` is the plain role of `prepare`. */
export async function benchKinds({ product, mint, pem, plainRole, entities, ...run }) {
  const { rounds, seconds, connections, median } = run
  const config = { jwt_validation_pubkeys: [pem], bound_issuer: 'https://issuer.bench.test' }
  const jwts = Array.from({ length: 256 }, (_, i) => mint(i))
  const inGroups = Array.from({ length: 256 }, (_, i) => mint(i, { groups }))
  const { accessor } = (await product.call('GET', 'sys/auth')).data['jwt/']
  for (const name of groups) {
    const made = await product.call('POST', 'identity/group', { name, type: 'external' })
    const alias = { name, mount_accessor: accessor, canonical_id: made.data.id }
    await product.call('POST', 'identity/group-alias', alias)
  }
  await product.call('POST', 'auth/jwt/role/grouped', { ...plainRole, groups_claim: 'groups' })
  const expression =
    'claims.repository_owner == "acme" && claims.environment == "production" ? pb.Auth{policies: ["reader"], display_name: claims.sub, alias: logical.Alias{name: claims.sub}} : false'
  await product.call('POST', 'auth/jwt/cel/role/program', {
    bound_audiences: ['https://tokenstile.test'],
    cel_program: { expression },
  })
  await product.call('POST', 'sys/auth/many', { type: 'jwt' })
  await product.call('POST', 'auth/many/config', { ...config, role_selection: 'first_match' })
  for (let i = 0; i < rolesMax; i++) {
    const bound_claims = { ...plainRole.bound_claims, repository: `acme/app-${i}` }
    await product.call('POST', `auth/many/role/r${i}`, { ...plainRole, bound_claims })
  }
  for (const path of ['a', 'a/b', 'a/b/c']) await product.call('POST', `sys/namespaces/${path}`, {})
  await product.call('POST', 'a/b/c/sys/auth/jwt', { type: 'jwt' })
  await product.call('POST', 'a/b/c/auth/jwt/config', config)
  await product.call('POST', 'a/b/c/auth/jwt/role/service', plainRole)
  await product.call('POST', 'sys/auth/jwt/tune', { direct_bearer: 'service' })

  const at = (path, role, list = jwts) => {
    const texts = list.map((jwt) => post(`/v1/${path}`, { ...role, jwt }))
    return (n) => texts[n % texts.length]
  }
  const plain = at('auth/jwt/login', { role: 'service' })
  const bearers = jwts.map((jwt) => get('/v1/kv/app/config', `Authorization: Bearer ${jwt}\r\n`))
  const cases = {
    groups: at('auth/jwt/login', { role: 'grouped' }, inGroups),
    cel: at('auth/jwt/cel/login', { role: 'program' }),
    chosen: at('auth/many/login', {}),
    deep: at('a/b/c/auth/jwt/login', { role: 'service' }),
    bearer: (n) => bearers[n % bearers.length],
  }
  const load = { port: product.port, connections, seconds }
  const rate = (next) => runLoad({ ...load, next })
  // Warm, and each of the sixteen people has an entity.
  for (const next of [plain, ...Object.values(cases)]) await rate(next)
  const report = { bad: 0, entities }
  const shareOf = async (next) => {
    const shares = []
    for (let round = 0; round < rounds; round++) {
      const before = await rate(plain)
      const own = await rate(next)
      const after = await rate(plain)
      report.bad += before.bad + own.bad + after.bad
      shares.push((2 * own.perSecond) / (before.perSecond + after.perSecond))
    }
    return median(shares)
  }
  for (const [name, next] of Object.entries(cases)) report[name] = await shareOf(next)

  const few = await rate(plain)
  const strangers = Array.from({ length: entities }, (_, i) => i)
  const makeEntity = async (i) =>
    product.call('POST', 'identity/entity', { name: `bench-${i}`, metadata: { n: String(i) } })
  while (strangers.length > 0) await Promise.all(strangers.splice(0, 64).map(makeEntity))
  await rate(plain)
  const many = await rate(plain)
  report.crowd = many.perSecond / few.perSecond
  const begun = performance.now()
  await product.call('GET', 'identity/entity/id?list=true&limit=1000')
  report.pageMs = performance.now() - begun
  return report
}

/** Rows of the table of all figures. */
export function kindRows({ bad, entities, ...of }) {
  return [
    ['login with five known groups / plain', of.groups, '>=', 0.85],
    ['login by a CEL program / plain', of.cel, '>=', 0.77],
    ['login with a role of 1,000 chosen / plain', of.chosen, '>=', 0.83],
    ['login three namespaces deep / plain', of.deep, '>=', 0.95],
    ['request with a JWT for a token / login', of.bearer, '>=', undefined],
    [`login beside ${entities} entities / before`, of.crowd, '>=', 0.91],
    ['a page of 1,000 entities, ms', of.pageMs, '<=', 50],
    ['of these not 2xx', bad, '<=', 0],
  ]
}
