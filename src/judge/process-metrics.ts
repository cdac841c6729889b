// What the sampler saw of a process: the second observer beside what the run measured itself.

import type { Sample } from '../protocol/sample.ts'
import type { Metric } from './metric.ts'
import type { Timeline } from './timeline.ts'

type Process = Sample['processes'][number]

/** Processes of a role: named as the role, or as the role of one host ("dataplane:host1"). */
function ofRole(sample: Sample, role: string): Process[] {
  return sample.processes.filter(({ name }) => name === role || name.startsWith(`${role}:`))
}

/** Which kernel a sample is of. */
export const siteOf = ({ site = 'local' }: Sample): string => site

/** Resident memory of a role in each kernel's first sample at or after all_wired, all its processes together. */
export function rssAtWired(samples: readonly Sample[], role: string, time: Timeline): Metric {
  const { allWiredS } = time
  if (allWiredS === null) return { known: false, why: 'no all_wired was seen' }
  const firsts = new Map<string, Sample>()
  for (const sample of samples)
    if (sample.t_s >= allWiredS && !firsts.has(siteOf(sample)) && ofRole(sample, role).length > 0)
      firsts.set(siteOf(sample), sample)
  const taken = [...firsts.values()]
  if (taken.length === 0) return { known: false, why: `no sample of ${role} after all_wired` }
  const value = taken.flatMap(sample => ofRole(sample, role)).reduce((sum, process) => sum + process.rss_bytes, 0)
  const times = taken.map(sample => `${sample.t_s.toFixed(1)} s`)
  return { known: true, value, evidence: `the sample at ${times.join(', ')}`, others: [] }
}

/** The most threads that any process of a role had in any sample. */
export function threadsMost(samples: readonly Sample[], role: string): Metric {
  const counts = samples.flatMap(sample => ofRole(sample, role).map(process => process.threads_count))
  if (counts.length === 0) return { known: false, why: `no sample of ${role}` }
  const value = counts.reduce((most, count) => Math.max(most, count), 0)
  return { known: true, value, evidence: `the most of ${counts.length} samples`, others: [] }
}
