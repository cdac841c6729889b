// How the processes of a run are known: each that it starts, QEMU too, has the run's id in its environment.

/** Every process that `nslab run` starts carries this variable with the run's id, and so does what those start. */
export const RUN_VARIABLE = 'NSLAB_RUN'

/** And what a user's program in an observer's place starts carries this one, with the run's id. */
export const OBSERVER_VARIABLE = 'NSLAB_OBSERVER'

/** For the environment of a process; without an id, nothing. */
export const runMark = (runId: string | undefined): Readonly<Record<string, string>> =>
  runId === undefined ? {} : { [RUN_VARIABLE]: runId }
