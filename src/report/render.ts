// All files of a report, and how they get into the run folder.

import { join } from 'node:path'
import { readHistory } from '../judge/history.ts'
import { judge } from '../judge/judge.ts'
import type { History, Report } from '../judge/types.ts'
import { writeFileAtomic } from '../lab/run-folder/disk.ts'
import { renderHtml } from './html.ts'
import { renderJson } from './json.ts'
import { renderJunit } from './junit.ts'
import { renderTap } from './tap.ts'

export interface Judged {
  readonly report: Report
  readonly history: History
}

/** File name → contents, of everything that is kept in a run folder. */
export function renderFiles(report: Report, history: History): Readonly<Record<string, string>> {
  return {
    'report.json': renderJson(report),
    'report.tap': renderTap(report),
    'report.junit.xml': renderJunit(report),
    'report.html': renderHtml(report, history),
  }
}

/** Judges the run in `folder`. Throws FILE_UNREADABLE. Writes nothing. */
export function judgeFolder(folder: string): Judged {
  const history = readHistory(folder)
  return { report: judge(history), history }
}

/**
 * Writes all report files into `folder`, each as a whole or not at all, report.json first: it is what the others follow
 * from. Throws DISK_REFUSED {path, reason, errno}.
 */
export function writeReports(folder: string, { report, history }: Judged): void {
  for (const [name, text] of Object.entries(renderFiles(report, history))) writeFileAtomic(join(folder, name), text)
}
