// A site is one kernel that takes part in a run: this machine, or a microVM. Everything a run asks of a kernel goes
// through here, in values that JSON can carry, so that a run in guests is the same code as one on this machine: the
// guest's agent has a LocalSite of its own.

import type { Duplex } from 'node:stream'
import type { Sample } from '../../protocol/sample.ts'
import type {
  Baseline,
  BaselineRequest,
  ProcessEnd,
  RootFacts,
  RootRequest,
  SiteCosts,
  SiteDifference,
  StartRequest,
  VerifyRequest,
} from '../../vm/site-calls.ts'

export interface Site {
  /** "local", or the VM's name. */
  readonly name: string
  /** Counts the machine and its memory in use before anything of the run is there, and raises what it needs raised. */
  baseline(request: BaselineRequest): Promise<Baseline>
  /** Makes the fabric root of a host and joins it to the segment. Throws KERNEL_REFUSED. */
  createRoot(request: RootRequest): Promise<RootFacts>
  /** Lets go of a root: the kernel removes what is in it. Does nothing where there is none. */
  closeRoot(host: string): Promise<void>
  /**
   * Starts a program: a controller or dataplane in the fabric root of its host, a soak or a load of connections in
   * namespaces of its own. It
   * ends with this process, by whatever cause.
   */
  start(request: StartRequest): Promise<SiteProcess>
  /** Where its programs find a file of their folder, absolute. */
  pathOf(name: string): string
  /** Copies a file of its programs' folder to `path` of this machine. Throws FILE_UNREADABLE. */
  fetch(name: string, path: string): Promise<void>
  /** The run's time of what this site's programs call `tS`: both in s since the run's origin. */
  toRunS(tS: number): number
  /** A sample every `intervalS`, until end(). */
  sampleEvery(intervalS: number, onSample: (sample: Sample) => void): Promise<void>
  /** Takes a sample now, beside the timer's. */
  sampleNow(): Promise<void>
  /** What the site and each of its programs cost now. Remembers which kernel objects are the run's. */
  measure(): Promise<SiteCosts>
  /** Remembers which kernel objects are the run's now: nodes may have been remade since. */
  observe(): Promise<void>
  /** Ends sampling, gives leases back, waits for the kernel to finish and compares the machine with what it was. */
  verify(request: VerifyRequest): Promise<SiteDifference>
  /** Ends whatever of it is left, at once. Safe at any time, also twice. */
  end(): Promise<void>
}

/** A process of a program on a site. */
export interface SiteProcess {
  /** As the site counts processes; 0 where it could not be started. */
  readonly pid: number
  /** The program's channel. Ends when the process does. */
  readonly stream: Duplex
  /** Resolves when the process has ended and its channel was read to the end. */
  readonly exited: Promise<ProcessEnd>
  /** What it said last on its standard output and error. */
  lastWords(): string
  kill(): void
}
