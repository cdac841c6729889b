// Lines of a soak, put on the run's time axis: each carries several times of its site's clock.

import type { ChurnLine, TrueSocket } from '../../protocol/churn.ts'
import type { ObservedLine, SeenSocket } from '../../protocol/observed.ts'

type ToRunS = (tS: number) => number

export function churnLineAt(line: ChurnLine, at: ToRunS): ChurnLine {
  switch (line.is) {
    case 'made':
      return {
        ...line,
        due_s: at(line.due_s),
        asked_s: at(line.asked_s),
        exists_s: at(line.exists_s),
        made_s: at(line.made_s),
        sockets: line.sockets.map(socket => socketAt(socket, at)),
      }
    case 'dropped': {
      const { ended } = line
      return {
        ...line,
        due_s: at(line.due_s),
        asked_s: at(line.asked_s),
        returned_s: at(line.returned_s),
        gone_s: line.gone_s === null ? null : at(line.gone_s),
        ...(ended === undefined ? {} : { ended: ended.map(([index, untilS]) => [index, at(untilS)] as const) }),
      }
    }
    default:
      return { ...line, t_s: at(line.t_s) }
  }
}

function socketAt(socket: TrueSocket, at: ToRunS): TrueSocket {
  const { from_s, until_s } = socket
  return {
    ...socket,
    ...(from_s === undefined ? {} : { from_s: at(from_s) }),
    ...(until_s === undefined ? {} : { until_s: at(until_s) }),
  }
}

export function observedLineAt(line: ObservedLine, at: ToRunS): ObservedLine {
  const t_s = at(line.t_s)
  if (line.is === 'found') return { ...line, t_s, got_s: at(line.got_s) }
  if (line.is === 'child_stays') return { ...line, t_s, first_s: at(line.first_s) }
  if (line.is === 'child_ended') return { ...line, t_s, last_s: at(line.last_s) }
  if (line.is !== 'forgot') return { ...line, t_s }
  const sockets = line.sockets.map(
    ([cookie, family, port, peer, state, first, last, rows]): SeenSocket => [
      cookie,
      family,
      port,
      peer,
      state,
      at(first),
      at(last),
      rows,
    ],
  )
  return { ...line, t_s, sockets }
}
