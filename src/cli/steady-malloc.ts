// A process whose malloc does not grow with time, as glibc's own settings make it: it reads them when a process begins.

import { native } from '../native/addon.ts'

/**
 * By itself glibc gives each thread that finds the others' arenas in use one of its own, which keeps all that it ever
 * took: in a collector the arenas of V8's four helpers grew by 0.2 to 0.8 MB in half an hour, on the way to 2.6 MB
 * each. And it stops giving large blocks back to the kernel once such a one was freed.
 */
const SETTINGS = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: `${128 * 1024}`,
  MALLOC_TRIM_THRESHOLD_: `${128 * 1024}`,
} as const

/**
 * Begins this process anew with these settings, unless it has its own or the kernel refuses: then it goes on as it is.
 * Pid, parent, standard streams and the descriptors that it was handed (`kept`) stay. Call before anything is opened or
 * said.
 */
export function beginWithSteadyMalloc(kept: readonly number[]): void {
  if (process.env.MALLOC_ARENA_MAX !== undefined) return
  const environment = Object.entries({ ...process.env, ...SETTINGS }).map(([name, value]) => `${name}=${value}`)
  try {
    native.execute([process.execPath, ...process.execArgv, ...process.argv.slice(1)], environment, kept)
  } catch {
    // It grows a little more.
  }
}
