// The run's time axis: CLOCK_MONOTONIC, which all processes of one machine share.
// Tests pass their own clock; nothing else in src/ reads the time directly.

export interface Clock {
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly nowNs: () => bigint
  /** Wall-clock time, for names and environment records only. */
  readonly wallDate: () => Date
}

export const systemClock: Clock = {
  nowNs: () => process.hrtime.bigint(),
  wallDate: () => new Date(),
}

/** Seconds from `originNs` to now, to the nanosecond. */
export function secondsSince(clock: Clock, originNs: bigint): number {
  return Number(clock.nowNs() - originNs) / 1e9
}
