// The young generation of this process's JavaScript heap.

import { setFlagsFromString } from 'node:v8'

/**
 * Keeps it as small as it is from now on: 1 MiB a half, where it would grow to 16 by itself, for an hour, under a load
 * of short-lived objects. V8 multiplies its size by this factor whenever enough has survived, and reads it each time;
 * --max-semi-space-size counts on the command line alone.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
