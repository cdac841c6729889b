// How well each kind of namespace was seen, as cells of a table.

import type { SoakFacts } from '../judge/soak/read.ts'
import { netnsKinds } from '../judge/soak/truth.ts'
import { formatCount } from './format.ts'

export interface KindRow {
  readonly kind: string
  readonly judged: string
  /** "100 %", or why it is not judged. */
  readonly recall: string
  readonly sockets: string
  readonly socketRecall: string
  readonly isWhole: boolean
}

/** Of the kinds that churn made; a declared blind spot is told, not judged. */
export function kindRows({ tally, observer, wasObserving }: SoakFacts): KindRow[] {
  return netnsKinds.flatMap(kind => {
    const { judged, seen, socketsJudged, socketsSeen } = tally.kinds[kind]
    if (judged === 0 && socketsJudged === 0) return []
    const isBlind = observer.blindKinds.has(kind)
    const told = (part: number, whole: number): string =>
      isBlind ? 'declared blind' : wasObserving ? share(part, whole) : '–'
    return [
      {
        kind,
        judged: formatCount(judged),
        recall: told(seen, judged),
        sockets: formatCount(socketsJudged),
        socketRecall: told(socketsSeen, socketsJudged),
        isWhole: isBlind || !wasObserving || (seen === judged && socketsSeen === socketsJudged),
      },
    ]
  })
}

/** Never rounded up to a whole that it is not. */
function share(part: number, whole: number): string {
  if (whole === 0) return '–'
  return part === whole ? '100 %' : `${(Math.floor((part / whole) * 100_000) / 1000).toFixed(3)} %`
}
