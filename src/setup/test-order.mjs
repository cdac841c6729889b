// @ts-check
// Which test files begin first, and how many run at a time.

import { availableParallelism, totalmem } from 'node:os'

/** Two, on any machine: most of a test's time is somebody else's, or waited. */
const JOBS_MIN = 2
/** What a file's programs and VMs take at most. */
const JOB_BYTES = 3 * 2 ** 30

/** @returns {number} files at a time on this machine */
export const jobsHere = () => Math.max(JOBS_MIN, Math.min(availableParallelism(), Math.floor(totalmem() / JOB_BYTES)))

/**
 * Files that take more than half a minute, about the longest first: begun last, one of them would run alone in the end.
 * Those that wait most of their time are before those that compile, which would slow them down.
 */
export const LONGEST = [
  ...['checks', 'build'].map(name => `test/nix/${name}.long.ts`),
  ...['run-faults', 'keep', 'scenarios-faults', 'guest-faults'].map(name => `test/vm/${name}.long.ts`),
  'test/net/run/full-size.long.ts',
  'test/lab/remote/soak.long.ts',
  ...['deterministic', 'scenarios', 'soak', 'kernels'].map(name => `test/vm/${name}.long.ts`),
  'test/nix/sandboxed.long.ts',
  'test/setup/profile.long.ts',
  'test/net/soak/churn-minute.long.ts',
  ...['soak/selfcheck', 'run/run', 'run/sigkill', 'traffic/sigkill', 'traffic/run'].map(
    name => `test/net/${name}.test.ts`,
  ),
  'test/vm/deterministic.test.ts',
  ...['soak/run', 'soak/shrink', 'soak/ends', 'fleet/hosts'].map(name => `test/net/${name}.test.ts`),
  ...['lanes', 'udp', 'lanes-lossless', 'max', 'sanitizers'].map(name => `test/native/${name}.test.ts`),
  ...['agent-guest', 'deterministic-ends', 'image', 'faults'].map(name => `test/vm/${name}.test.ts`),
  'test/nix/flake.test.ts',
  'test/net/run/keep-run.test.ts',
]

/** @param {readonly string[]} files @returns {string[]} in the order in which they begin */
export const longestFirst = files => {
  const rank = (/** @type {string} */ file) => LONGEST.indexOf(file) + 1 || LONGEST.length + 1
  return [...files].sort((a, b) => rank(a) - rank(b))
}
