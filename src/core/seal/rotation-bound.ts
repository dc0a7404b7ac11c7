/** After how many seals the barrier key has to rotate, however it is set (NIST SP 800-38D §8.3). */

import { sealsPerTermMax } from '../../storage/keyring.ts'

/**
 * Half of what a term may seal: the rotation has time, and other processes' unsaved counts do not
 * matter.
 */
export const operationsMax = sealsPerTermMax / 2
