// Waiting for some time, or for the end of what it is for.

import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after `ms`, or as soon as `over` is aborted: who waits looks what it was. */
export async function pause(ms: number, over: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: over })
  } catch {
    // Only by `over`.
  }
}
