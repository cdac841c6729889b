// Whether a fault that loses and delays frames was felt: by what the segment counted while it lasted. Pure.

import type { FaultConfig } from '../config/types.ts'

/** What a fault did to the frames from one host and to it. */
export interface FramesHit {
  readonly host: string
  readonly lost_count: number
  readonly delayed_count: number
}

/** Whether every host lost frames where frames were to be lost, and had some late where they were to be. */
export function isImpairmentFelt(
  { hosts, loss, delayS, jitterS }: Pick<FaultConfig, 'hosts' | 'loss' | 'delayS' | 'jitterS'>,
  frames: readonly FramesHit[] = [],
): boolean {
  return hosts.every(name => {
    const { lost_count = 0, delayed_count = 0 } = frames.find(({ host }) => host === name) ?? {}
    return (loss === 0 || lost_count > 0) && (delayS + jitterS === 0 || delayed_count > 0)
  })
}
