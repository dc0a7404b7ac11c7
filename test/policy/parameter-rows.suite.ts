/** Which bodies the limits of a rule let through, row by row (platform.md §4.6): for the rules and for a whole server. */

export interface ParameterRow {
  readonly title: string
  readonly limits: readonly string[]
  readonly allowed?: readonly string[]
  readonly denied?: readonly string[]
}

export const parameterRows: readonly ParameterRow[] = [
  {
    title: 'POL-85: a required parameter must be there, even if null',
    limits: ['required_parameters = ["reason"]'],
    allowed: ['{"reason": null}', '{"reason": "x"}', '{"REASON": "x"}'],
    denied: ['{}', '{"other": 1}'],
  },
  {
    title: 'POL-87: allowed values',
    limits: ['allowed_parameters = { ttl = ["1h", "2h"] }'],
    allowed: ['{"ttl": "1h"}', '{}'],
    denied: ['{"ttl": "3h"}', '{"x": 1}', '{"ttl": "1h", "x": 1}'],
  },
  {
    title: 'POL-88: a star beside allowed values frees the other names only',
    limits: ['allowed_parameters = { ttl = ["1h"] "*" = [] }'],
    allowed: ['{"x": 1}', '{"x": 1, "ttl": "1h"}'],
    denied: ['{"ttl": "3h"}'],
  },
  {
    title: 'POL-89: a star alone allows everything',
    limits: ['allowed_parameters = { "*" = [] }'],
    allowed: ['{"anything": [1]}'],
  },
  {
    title: 'POL-90: an empty list allows any value',
    limits: ['allowed_parameters = { ttl = [] }'],
    allowed: ['{"ttl": "whatever"}', '{"ttl": null}'],
    denied: ['{"x": 1}'],
  },
  {
    title: 'POL-91: a denied name',
    limits: ['denied_parameters = { password = [] }'],
    allowed: ['{"other": 1}'],
    denied: ['{"password": "x"}', '{"password": null}'],
  },
  {
    title: 'POL-92: a denied star leaves requests without data',
    limits: ['denied_parameters = { "*" = [] }'],
    allowed: ['{}'],
    denied: ['{"x": 1}'],
  },
  {
    title: 'POL-93: names are compared without case, also twice in one request',
    limits: ['denied_parameters = { Role = ["admin"] }'],
    allowed: ['{"role": "dev"}', '{"role": "Admin"}'],
    denied: ['{"role": "admin"}', '{"ROLE": "admin"}', '{"role": "dev", "ROLE": "admin"}'],
  },
  {
    title: 'POL-94: a star at the end of a value',
    limits: ['denied_parameters = { name = ["adm*"] }'],
    allowed: ['{"name": "my-adm"}'],
    denied: ['{"name": "admin"}', '{"name": "adm"}'],
  },
  {
    title: 'POL-95: a star at the start of a value',
    limits: ['denied_parameters = { name = ["*min"] }'],
    allowed: ['{"name": "minx"}'],
    denied: ['{"name": "admin"}'],
  },
  {
    title: 'POL-95: stars at both ends of a value',
    limits: ['denied_parameters = { name = ["*dm*"] }'],
    allowed: ['{"name": "d-m"}'],
    denied: ['{"name": "admin"}', '{"name": "dm"}'],
  },
  {
    title: 'a star in the middle of a value is literal, a star alone is any string',
    limits: ['allowed_parameters = { name = ["a*c"] other = ["*"] }'],
    allowed: ['{"name": "a*c"}', '{"other": ""}', '{"other": "x"}'],
    denied: ['{"name": "abc"}', '{"other": 1}'],
  },
  {
    title: 'POL-96: denied is checked before allowed',
    limits: ['allowed_parameters = { ttl = ["1h"] } denied_parameters = { ttl = ["1h"] }'],
    denied: ['{"ttl": "1h"}'],
  },
  {
    title: 'POL-97, SEC-ACL-05: a numeric deny fires whatever the spelling, and not for text',
    limits: ['denied_parameters = { n = [1, 1000, 9007199254740993, 0x10, 0] }'],
    allowed: ['{"n": "1"}', '{"n": 2}', '{"n": 9007199254740992}', '{"n": [1]}'],
    denied: [
      '{"n": 1}',
      '{"n": 1.0}',
      '{"n": 1e3}',
      '{"n": 9007199254740993}',
      '{"n": 16}',
      '{"n": -0}',
    ],
  },
  {
    title: 'POL-98: true is not "true"',
    limits: ['allowed_parameters = { flag = [true] }'],
    allowed: ['{"flag": true}'],
    denied: ['{"flag": "true"}', '{"flag": 1}', '{"flag": null}'],
  },
  {
    title: 'POL-99: lists compare as a whole',
    limits: ['allowed_parameters = { list = [["a", "b"]] }'],
    allowed: ['{"list": ["a", "b"]}'],
    denied: [
      '{"list": ["b", "a"]}',
      '{"list": ["a"]}',
      '{"list": "a"}',
      '{"list": ["a", "b", "c"]}',
    ],
  },
  {
    title: 'SEC-ACL-05: objects compare as a whole, numbers inside by value',
    limits: ['allowed_parameters = { o = [{ a = 1 b = { c = ["x"] } }] }'],
    allowed: ['{"o": {"b": {"c": ["x"]}, "a": 1.0}}'],
    denied: [
      '{"o": {"a": 1}}',
      '{"o": {"a": 1, "b": {"c": ["x"], "d": 1}}}',
      '{"o": {"a": 1, "__proto__": {}}}',
    ],
  },
  {
    title: 'SEC-ACL-05: names of inherited properties are ordinary names',
    limits: ['allowed_parameters = { x = [] }'],
    denied: ['{"__proto__": 1}', '{"constructor": 1}', '{"toString": 1}'],
  },
  {
    title: 'POL-100: limits of one policy stay when another adds none',
    limits: ['allowed_parameters = { a = [1] }', ''],
    allowed: ['{"a": 1}'],
    denied: ['{"b": 1}'],
  },
  {
    title: 'POL-101: value lists of two policies add up',
    limits: ['allowed_parameters = { a = ["x"] }', 'allowed_parameters = { a = ["y"] }'],
    allowed: ['{"a": "x"}', '{"a": "y"}'],
    denied: ['{"a": "z"}'],
  },
  {
    title: 'POL-102: an empty list swallows the other',
    limits: ['allowed_parameters = { a = ["x"] }', 'allowed_parameters = { a = [] }'],
    allowed: ['{"a": "anything"}', '{"a": 1}'],
  },
  {
    title: 'POL-103: required parameters of two policies add up',
    limits: ['required_parameters = ["x"]', 'required_parameters = ["y"]'],
    allowed: ['{"x": 1, "y": 1}'],
    denied: ['{"x": 1}', '{"y": 1}'],
  },
  {
    title: 'POL-104: a limit sees the fields of the request and not what they hold',
    limits: ['denied_parameters = { password = [] }'],
    allowed: ['{"data": {"password": 1}}'],
  },
  {
    title: 'POL-105: the same on a flat body',
    limits: ['denied_parameters = { password = [] }'],
    denied: ['{"password": 1}'],
  },
]
