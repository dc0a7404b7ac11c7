/** A refusal of init, unseal or rotate that the caller is told about with status 400. */

export class SealProblem extends Error {
  override readonly name = 'SealProblem'
}

/** The shares together open nothing; which of them is wrong cannot be told. */
export function foreignKeys(): SealProblem {
  return new SealProblem('the keys are not those of this server: all have to be given again')
}
