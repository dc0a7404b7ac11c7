/**
 * fast-check with one seed for all property tests, so that a run says the same twice and a failure is one of the
 * change that it came with. `TEST_SEED=random npm test` looks for new cases; a number repeats a run that found one.
 */

import * as fc from 'fast-check'

const asked = process.env['TEST_SEED'] ?? '20261'
fc.configureGlobal({ seed: asked === 'random' ? Date.now() % 2 ** 31 : Number(asked) })

export * from 'fast-check'
