/**
 * Why a text is no token that can be looked at. The codes are reasons of a refused login
 * (explain.md §1).
 */

export interface JwtProblem {
  readonly reason:
    | 'jwt_missing'
    | 'jwt_malformed'
    | 'jwt_too_large'
    | 'jwt_encrypted'
    | 'not_a_jwt'
    | 'header_refused'
    | 'algorithm_refused'
    | 'token_type_refused'
    | 'claims_malformed'
  /** One sentence about the form; of the token it has the name of a known algorithm at most. */
  readonly detail: string
  /** What it may come from: for people, and no part of the compatible text. */
  readonly hint?: string
}
