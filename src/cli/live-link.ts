// What `nslab link` and `nslab capture` share: which live run is meant, and its nodes.

import { NslabError } from '../base/errors.ts'
import { type LiveRun, listRuns, liveRunIn } from '../lab/state/live-runs.ts'
import { chooseRun } from '../lab/visit/node-exec.ts'

export const LINK_RUN_OPTION = [
  '--run <run>',
  'which live run: the start of its id, its folder, or the name of that',
] as const

/** The run that is named, or the only one that has links. Throws USAGE where there is none, or several. */
export function liveRunWithLinks(wanted: string | undefined): LiveRun {
  if (wanted !== undefined) return liveRunIn(wanted) ?? chooseRun(listRuns().live, wanted)
  const { live } = listRuns()
  const goingOn = live.filter(run => run.links_socket !== undefined)
  return chooseRun(goingOn.length > 0 ? goingOn : live)
}

/** Throws USAGE. */
export function nodeIdOf(text: string, name: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text)
  throw new NslabError('USAGE', {
    problem: `${name} must be a node's id, not "${text}"`,
    hint: 'nslab link 3 4 --delay 20ms',
  })
}
