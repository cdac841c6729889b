// What a run does between its first count of the machine and its last: the one part in which a fleet and a soak differ.

import type { Site } from '../site/site.ts'
import type { GuestPlace, LinkSteering } from '../visit/lab.ts'

/** The programs of a run, as whoever ends it sees them. */
export interface Crew {
  /** Every program at once; what they left is ended by their sites. */
  hurry(): void
  /** Ends what was started, in order where `deadlineS` allows. */
  end(deadlineS: number): Promise<EndedPrograms>
  /** Namespaces that the run made on a site: [inode, cookie]. */
  cookiesOf(site: Site): readonly (readonly [number, string])[]
}

export interface EndedPrograms {
  readonly facts: Readonly<Record<string, number>>
  /** What the programs could not see removed. */
  readonly remaining: readonly string[]
}

export interface Course {
  readonly crew: Crew
  /** Where a node of the run is, for those who enter it. Throws USAGE. */
  readonly whereIs: (nodeId: number) => Promise<GuestPlace>
  /** Null where there are no links. */
  readonly links: LinkSteering | null
  /** All phases between boot and teardown. `startSampling`: of every site; called once the programs are there. */
  drive(startSampling: () => Promise<void>): Promise<void>
}
