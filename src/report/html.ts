// report.html: one page that needs nothing else. No script, no request; a policy in the page forbids both.

import { createHash } from 'node:crypto'
import type { SoakFacts } from '../judge/soak/read.ts'
import type { History, Report } from '../judge/types.ts'
import { chartCss } from './chart-style.ts'
import { formatVerdict } from './format.ts'
import { memorySection, phasesSection, publishedSection, wiringSection } from './html-charts.ts'
import { environmentSection, metricsSection } from './html-facts.ts'
import { soakSections } from './html-soak.ts'
import { pageCss } from './html-style.ts'
import { trafficSection } from './html-traffic.ts'
import { failureSection, faultsSection, gatesSection, headline, notesSection } from './html-verdict.ts'
import { Markup, markup } from './markup.ts'
import { subject } from './summary.ts'

const css = `${pageCss}\n${chartCss}`

/** Only this one style sheet, by its digest, and the icon that is part of the page. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(css).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export function renderHtml(report: Report, history: History): string {
  const title = `${report.scenario}: ${formatVerdict(report.verdict)}, ${subject(history)}`
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="${icon(report.verdict)}">
<style>${new Markup(css)}</style>
</head>
<body>
${headline(report, history)}
<main>
${failureSection(report, history)}
${history.soak ? soakBody(report, history, history.soak) : fleetBody(report, history)}
${metricsSection(report)}
${environmentSection(report, history)}
</main>
<footer>
<p>${report.schema} · digest ${report.digest}</p>
<p>Rebuild this page from the saved data of the run with <code>nslab report</code>.</p>
</footer>
</body>
</html>
`.text
}

function fleetBody(report: Report, history: History): Markup {
  return markup`${faultsSection(history)}
${gatesSection(report)}
${notesSection(report)}
${trafficSection(report, history)}
${wiringSection(report, history)}
${phasesSection(report)}
${memorySection(report, history)}
${publishedSection(report, history)}`
}

/** Opens with what was broken first, and why. */
function soakBody(report: Report, history: History, facts: SoakFacts): Markup {
  const { breaches, panels, kinds } = soakSections(report, history, facts)
  return markup`${breaches}
${gatesSection(report)}
${notesSection(report)}
${panels}
${kinds}
${phasesSection(report)}
${memorySection(report, history)}`
}

const iconColours: Readonly<Record<Report['verdict'], string>> = {
  pass: '#1a7f37',
  fail: '#b3261e',
  error: '#b3261e',
  unknown: '#9a6700',
}

function icon(verdict: Report['verdict']): string {
  const circle = `<circle cx="8" cy="8" r="7" fill="${iconColours[verdict]}"/>`
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${circle}</svg>`)}`
}
