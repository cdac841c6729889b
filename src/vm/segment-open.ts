// The segment that a scenario asks for (hosts.network). Nothing is chosen by what a machine happens to allow, because
// the same scenario would then be two experiments: "switch" needs nothing and has every condition; "tap" is several
// times as fast, with rights it needs and conditions it lacks, and where it can't be had the run is refused.

import { Segment, type SegmentOptions } from './segment.ts'
import type { VmSegment } from './segment-types.ts'
import { TapSegment } from './tap-segment.ts'

/** Rejects with NOT_FIT where this machine or user can't have one of this kind. */
export async function openSegment(kind: 'switch' | 'tap', options: SegmentOptions): Promise<VmSegment> {
  return kind === 'tap' ? TapSegment.make(options.name, options) : new Segment(options)
}
