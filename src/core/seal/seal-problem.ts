/** A refusal of init, unseal or rotate that the caller is told about with status 400. */

export class SealProblem extends Error {
  override readonly name = 'SealProblem'
}
