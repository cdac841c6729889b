// report.json: the report itself, for programs.

import type { Report } from '../judge/types.ts'

export function renderJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}
