/**
 * The people of the practice directory. Nobody proves to be one of them: that is what makes it
 * practice.
 */

export interface Person {
  readonly sub: string
  readonly name: string
  readonly email: string
  readonly groups: readonly string[]
}

export const people = {
  alice: {
    sub: 'user-alice',
    name: 'Alice Example',
    email: 'alice@example.com',
    groups: ['platform', 'developers'],
  },
  bob: { sub: 'user-bob', name: 'Bob Example', email: 'bob@example.com', groups: ['developers'] },
  mallory: {
    sub: 'user-mallory',
    name: 'Mallory Example',
    email: 'mallory@example.com',
    groups: [],
  },
} as const satisfies Readonly<Record<string, Person>>

export type PersonName = keyof typeof people

export const personNames = Object.keys(people) as readonly PersonName[]

export function isPerson(name: string): name is PersonName {
  return Object.hasOwn(people, name)
}
