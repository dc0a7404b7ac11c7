/** What rules allow and deny, row by row (platform.md §4.2 to §4.5): for the compiled rules and for a whole server. */

export interface AclRow {
  readonly title: string
  /** One string per policy, see `ruleText`. */
  readonly rules: readonly string[]
  /** `operation path`, several joined with a comma. */
  readonly allowed?: string
  readonly denied?: string
}

export const aclRows: readonly AclRow[] = [
  {
    title: 'POL-01: a path without a star matches itself only',
    rules: ['a/b r'],
    allowed: 'read a/b',
    denied: 'read a/b/c, read a/bc, read A/B',
  },
  {
    title: 'POL-02: a final star matches everything that begins so',
    rules: ['a/b* r'],
    allowed: 'read a/b, read a/bc, read a/b/c, read a/b/c/d',
  },
  {
    title: 'POL-03: a slash before the star is part of the prefix',
    rules: ['a/b/* r'],
    allowed: 'read a/b/c',
    denied: 'read a/b',
  },
  {
    title: 'POL-04: a star alone matches everything',
    rules: ['* r'],
    allowed: 'read x, read a/b/c, read sys/mounts',
  },
  {
    title: 'POL-05: a star in the middle is literal',
    rules: ['a/*/c r'],
    allowed: 'read a/*/c',
    denied: 'read a/x/c',
  },
  {
    title: 'POL-06: a plus takes exactly one segment, also an empty one',
    rules: ['a/+/c r'],
    allowed: 'read a/x/c, read a//c',
    denied: 'read a/x/y/c',
  },
  {
    title: 'POL-07: a final plus takes no further slash',
    rules: ['a/+ r'],
    allowed: 'read a/x',
    denied: 'read a/x/, read a/x/y, read a',
  },
  { title: 'POL-08: a plus before a slash lists', rules: ['a/+/ l'], allowed: 'list a/x/' },
  {
    title: 'POL-09: a list falls back to the slash-less form',
    rules: ['a/+ l'],
    allowed: 'list a/x/',
  },
  {
    title: 'POL-10: a plus may come first',
    rules: ['+/b r'],
    allowed: 'read a/b',
    denied: 'read b',
  },
  {
    title: 'POL-11: a plus inside a segment is literal',
    rules: ['a/x+y r; b/+z r'],
    allowed: 'read a/x+y, read b/+z',
    denied: 'read a/xzy, read b/az',
  },
  {
    title: 'POL-12: a plus and a final star',
    rules: ['a/+/c* r'],
    allowed: 'read a/x/c, read a/x/cd, read a/x/c/d/e',
    denied: 'read a/x, read a/x/d',
  },
  { title: 'POL-13: a leading slash is dropped', rules: ['/a/b r'], allowed: 'read a/b' },
  {
    title: 'POL-15: the exact rule decides alone',
    rules: ['secret/* r; secret/foo u'],
    allowed: 'update secret/foo, read secret/bar',
    denied: 'read secret/foo',
  },
  {
    title: 'POL-16: the longer prefix decides',
    rules: ['secret/* r; secret/f* deny'],
    allowed: 'read secret/bar',
    denied: 'read secret/foo',
  },
  {
    title: 'POL-17: a deny does not reach another pattern',
    rules: ['* deny; secret/a r'],
    allowed: 'read secret/a',
    denied: 'read secret/b',
  },
  {
    title: 'POL-18, SEC-ACL-02: a deny in another policy wins the same pattern',
    rules: ['a/* r', 'a/* deny'],
    denied: 'read a/x',
  },
  {
    title: 'POL-19: grants of the same pattern add up',
    rules: ['a/* r', 'a/* u'],
    allowed: 'read a/x, update a/x',
  },
  {
    title: 'POL-20: grants of different patterns do not',
    rules: ['a/* r', 'a/b/* u'],
    allowed: 'update a/b/c',
    denied: 'read a/b/c',
  },
  {
    title: 'POL-21: fewer plus segments win',
    rules: ['+/* r; * u'],
    allowed: 'update foo/bar, update foo/bar/bar/baz',
    denied: 'read foo/bar, read foo/bar/bar/baz',
  },
  {
    title: 'POL-22: the later first wildcard wins',
    rules: ['secret/data/* r; secret/+/team u'],
    allowed: 'read secret/data/team, update secret/x/team',
    denied: 'update secret/data/team',
  },
  {
    title: 'POL-23: the later first wildcard wins among plus rules',
    rules: ['+/* r; foo/+/* u'],
    allowed: 'update foo/bar/bar/baz',
    denied: 'read foo/bar/bar/baz',
  },
  {
    title: 'POL-24: no star beats a star',
    rules: ['foo/+/+/* r; foo/+/bar/baz u'],
    allowed: 'update foo/bar/bar/baz',
    denied: 'read foo/bar/bar/baz',
  },
  {
    title: 'POL-25: fewer plus segments beat more',
    rules: ['foo/+/+/baz r; foo/+/bar/baz u'],
    allowed: 'update foo/bar/bar/baz',
    denied: 'read foo/bar/bar/baz',
  },
  {
    title: 'POL-26: characters below the plus do not change the order',
    rules: ['foo/+/(ar/baz r; foo/(ar/+/baz u'],
    allowed: 'update foo/(ar/(ar/baz',
    denied: 'read foo/(ar/(ar/baz',
  },
  {
    title: 'POL-27: no star beats a star behind the same text',
    rules: ['foo/bar/+/baz* r; foo/bar/+/baz u'],
    allowed: 'update foo/bar/bar/baz',
    denied: 'read foo/bar/bar/baz',
  },
  {
    title: 'POL-28: the longer pattern wins',
    rules: ['foo/bar/+/b* r; foo/bar/+/ba* u'],
    allowed: 'update foo/bar/bar/baz',
    denied: 'read foo/bar/bar/baz',
  },
  {
    title: 'POL-29, POL-30, POL-31: three rules that begin alike',
    rules: ['1/2/* c; 1/2/+ r; 1/2/+/+ u'],
    allowed: 'read 1/2/3, update 1/2/3/4, create 1/2/3/4/5',
    denied: 'create 1/2/3, read 1/2/3/4, create 1/2/3/4',
  },
  {
    title: 'POL-32: a longer prefix beats a plus',
    rules: ['foo/+/* r; foo/bar/* u'],
    allowed: 'update foo/bar/x',
    denied: 'read foo/bar/x',
  },
  {
    title: 'POL-33: a prefix inside the segment of the plus beats it',
    rules: ['foo/a* r; foo/+ u'],
    allowed: 'read foo/abc, update foo/xyz',
    denied: 'update foo/abc',
  },
  {
    title: 'POL-34: a plus without a star beats a star at the same place',
    rules: ['foo/* r; foo/+ u'],
    allowed: 'update foo/abc',
    denied: 'read foo/abc',
  },
  {
    title: 'POL-35: a star without a plus beats a plus with a star',
    rules: ['foo/* r; foo/+/* u'],
    allowed: 'read foo/a/b',
    denied: 'update foo/a/b',
  },
  {
    title: 'POL-36: the number of segments must agree',
    rules: ['test/+/segment r'],
    denied: 'read test/foo/bar/segment',
  },
  {
    title: 'POL-37: a trailing slash is a segment',
    rules: ['test/segment/at/end/+ r'],
    denied: 'read test/segment/at/end/foo/',
  },
  {
    title: 'POL-38: a pattern with a trailing slash matches it',
    rules: ['test/segment/at/end/v2/+/ r'],
    allowed: 'read test/segment/at/end/v2/foo/',
  },
  {
    title: 'POL-39: the star takes an empty rest',
    rules: ['test/+/wildcard/+/* r'],
    allowed: 'read test/segment/wildcard/at/end/',
  },
  {
    title: 'POL-40: an exact rule lists with a slash',
    rules: ['m/team l'],
    allowed: 'list m/team/',
  },
  {
    title: 'POL-41: a rule with a slash does not read without it',
    rules: ['m/team/ l'],
    allowed: 'list m/team/',
    denied: 'read m/team',
  },
  {
    title: 'POL-42: a prefix with a slash lists itself and below',
    rules: ['m/team/* l'],
    allowed: 'list m/team/, list m/team/sub/',
  },
  {
    title: 'POL-43: a prefix without a slash lists',
    rules: ['m/team* l'],
    allowed: 'list m/team/',
  },
  {
    title: 'POL-44, SEC-ACL-02: an exact deny holds for the list of its path',
    rules: ['m/b deny; m/* l'],
    denied: 'list m/b/',
  },
  {
    title: 'POL-45: the exact rule with the slash comes first',
    rules: ['m/b/ l; m/b deny'],
    allowed: 'list m/b/',
  },
  {
    title: 'POL-46, SEC-ACL-02: a denied prefix holds for its own list',
    rules: ['m/* l; m/private/* deny'],
    denied: 'list m/private/',
  },
  { title: 'POL-47: a prefix lists its own folder', rules: ['m/* l'], allowed: 'list m/' },
  {
    title: 'POL-48, SEC-ACL-02: the slash-less form counts only when nothing else matches',
    rules: ['m/+ l; m/b/* deny'],
    allowed: 'list m/c/',
    denied: 'list m/b/',
  },
  { title: 'POL-49: a bare mount name lists the mount', rules: ['m l'], allowed: 'list m/' },
  {
    title: 'POL-50, SEC-ACL-01: without a rule everything is denied',
    rules: [''],
    denied: 'read a, list a/, create a, update a, delete a, patch a, scan a/, header a, read ',
  },
  {
    title: 'POL-51: an empty rule wins its pattern and grants nothing',
    rules: ['a/x -; a/* r'],
    allowed: 'read a/y',
    denied: 'read a/x',
  },
  { title: 'POL-52: deny beside read denies', rules: ['a/x deny; a/x r'], denied: 'read a/x' },
  { title: 'POL-53: sudo grants no operation', rules: ['a/x s'], denied: 'read a/x, update a/x' },
  {
    title: 'POL-58, POL-60: create alone does not overwrite',
    rules: ['kv1/x c; auth/jwt/role/dev c'],
    allowed: 'create kv1/x, create auth/jwt/role/dev',
    denied: 'update kv1/x, update auth/jwt/role/dev',
  },
  {
    title: 'POL-59: update alone does not create',
    rules: ['kv1/x u'],
    allowed: 'update kv1/x',
    denied: 'create kv1/x',
  },
  {
    title: 'POL-61, POL-62, POL-63: create does not grant an update',
    rules: ['identity/entity c; auth/jwt/config c; auth/token/create c'],
    denied: 'update identity/entity, update auth/jwt/config, update auth/token/create',
  },
  {
    title: 'POL-64: patch is a capability of its own',
    rules: ['secret/data/x u; secret/data/y p'],
    allowed: 'patch secret/data/y',
    denied: 'patch secret/data/x',
  },
  {
    title: 'POL-79: policies of the token and of the entity merge alike',
    rules: ['a/* r', 'a/* deny'],
    denied: 'read a/x',
  },
  {
    title: 'POL-132: help is always allowed by policy',
    rules: ['', 'b deny'],
    allowed: 'help a, help b',
  },
  {
    title: 'HEAD needs read, scan needs scan',
    rules: ['a r; b l; c n'],
    allowed: 'header a, scan c/',
    denied: 'header b, scan b/, list c/',
  },
  {
    title: 'a sudo word beside a longer deny',
    rules: ['dev/* rs', 'dev/hide/* deny'],
    allowed: 'read dev/x',
    denied: 'read dev/hide/foo',
  },
  {
    title: 'SEC-ACL-03: other case, doubled and trailing slashes are other paths',
    rules: ['a/b r; c/* deny; * r', 'a/b/ deny; a//b deny'],
    allowed: 'read a/b, read C/x',
    denied: 'read a/b/, read a//b, read c/x, read c//x',
  },
]
