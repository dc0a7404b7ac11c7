/**
 * Several processes of one server have one memory of what people do step by step, such as giving
 * shares: the methods of such a thing are carried out by one process, whichever is asked.
 */

/** Arguments and answers are plain data and bytes. */
export type Steps<M extends string> = { readonly [K in M]: (...given: never[]) => Promise<unknown> }

/** Gives the same methods; elsewhere they are asked of the process that has the memory. */
export type OneOfAll = <M extends string, T extends Steps<M>>(
  name: string,
  own: T,
  methods: readonly M[],
) => Pick<T, M>

/** Where there is one process. */
export const theOnlyOne: OneOfAll = (_name, own) => own
