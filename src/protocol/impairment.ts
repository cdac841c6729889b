// Whether a fault that loses and delays frames was felt: by what the segment counted while it lasted. Pure.

/** What frames of hosts were to suffer, of a fault that impairs them. */
export interface Impairment {
  readonly hosts: readonly string[]
  readonly loss: number
  readonly delayS: number
  readonly jitterS: number
}

/** What a fault did to the frames from one host and to it. */
export interface FramesHit {
  readonly host: string
  readonly lost_count: number
  readonly delayed_count: number
}

/** Whether every host lost frames where frames were to be lost, and had some late where they were to be. */
export function isImpairmentFelt(
  { hosts, loss, delayS, jitterS }: Impairment,
  frames: readonly FramesHit[] = [],
): boolean {
  return hosts.every(name => {
    const { lost_count = 0, delayed_count = 0 } = frames.find(({ host }) => host === name) ?? {}
    return (loss === 0 || lost_count > 0) && (delayS + jitterS === 0 || delayed_count > 0)
  })
}
