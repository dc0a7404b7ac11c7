/** How often something may happen: a burst, and a steady rate. */

export interface Allowance {
  readonly burst: number
  readonly perMinute: number
}

/** Of what several processes may cause together, the part of one; never so little as none. */
export function partOf({ burst, perMinute }: Allowance, processes: number): Allowance {
  return { burst: Math.max(1, Math.floor(burst / processes)), perMinute: perMinute / processes }
}
