// A soak's page as a reader's browser shows it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { RunEvent } from '../../src/protocol/events.ts'
import { renderHtml } from '../../src/report/html.ts'
import { launchChromium, noChromium, openFile } from '../fixtures/chromium.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { type ChartBox, type Contrast, chartBoxes, type Fit, fit, worstContrast } from '../fixtures/page-probes.ts'
import { judgeSoak } from '../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../fixtures/soak-run.ts'

const desktop = { width: 1280, height: 900 }
const phone = { width: 390, height: 844 }

const panelTitles = [
  'Operations a second',
  'How late operations began',
  'Namespaces alive, and as the observer polled them',
  'Found and forgotten after',
  'How long a poll took',
  'Resident memory of the observer',
  'Threads and open files of the observer',
]

function withFault(data: SoakData): SoakData {
  const event = (kind: string, t_s: number) => ({ t_s, from: 'run', kind, fault: 0, op: 'kill_observer', hosts: [] })
  const told = [event('fault_started', 18), event('fault_ended', 21)] as unknown as RunEvent[]
  return { ...data, events: [...data.events, ...told] }
}

/** Where the plots of all panels begin and end, in pixels: the ends of the axis at their bottom. */
const plotEdges = `[...document.querySelectorAll('.panels svg')]
  .filter(chart => chart.getClientRects().length > 0)
  .map(chart => {
    const axes = [...chart.querySelectorAll('line.axis')].map(line => line.getBoundingClientRect())
    const axis = axes.reduce((one, other) => (other.width > one.width ? other : one))
    return [Math.round(axis.left), Math.round(axis.right)].join(' ')
  })`

const breachesShown = `[...document.querySelectorAll('.panels line.breach')]
  .filter(line => line.getClientRects().length > 0).length`

t.test('the page of a soak in Chromium', { skip: noChromium }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-soak-page-'))
  const browser = await launchChromium()
  t.teardown(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })
  const page = (name: string, data: SoakData): string => {
    const { report, history } = judgeSoak(t, data)
    const path = join(folder, name)
    writeFileSync(path, renderHtml(report, history))
    return path
  }
  const defects = { missed: [60], foundLateS: 0.4, restart: 'told' } as const
  const pages = {
    good: page('good.html', soakRun()),
    bad: page('bad.html', withFault(soakRun({ defects }))),
    hostile: page(
      'hostile.html',
      soakRun({
        defects: { logLine: hostileName.repeat(20) },
        gates: [{ name: `${'long'.repeat(60)}${hostileName}`, metric: 'log_matches_count', operator: '==', limit: 0 }],
      }),
    ),
    empty: page('empty.html', { ...soakRun(), churn: [], observed: [], samples: [], events: [], outcome: null }),
  }

  await t.test('opens without a complaint and asks for nothing but itself', async t => {
    for (const [name, path] of Object.entries(pages)) {
      const { page, complaints, requests } = await openFile(browser, path, { viewport: desktop })
      t.same(complaints, [], name)
      t.equal(requests.filter(url => !url.startsWith('data:')).length, 1, name)
      t.equal(await page.locator('script, img').count(), 0, name)
      await page.context().close()
    }
  })

  for (const [device, viewport] of Object.entries({ desktop, phone })) {
    await t.test(`draws its panels, one below the other on one axis, on a ${device}`, async t => {
      const { page } = await openFile(browser, pages.bad, { viewport })
      const boxes = await page.evaluate<ChartBox[]>(chartBoxes)
      const panels = boxes.filter(({ title }) => panelTitles.includes(title))
      t.same(
        panels.map(({ title }) => title),
        panelTitles,
      )
      t.ok(panels.every(({ lines }) => lines.length > 0 && lines.every(size => size > 1)))
      const edges = await page.evaluate<string[]>(plotEdges)
      t.equal(edges.length, panelTitles.length)
      t.equal(new Set(edges).size, 1, edges.join(', '))
      t.equal(await page.locator('.panels .band:visible').count(), panelTitles.length)
      t.equal(await page.evaluate<number>(breachesShown), 3 * panelTitles.length)
      await page.context().close()
    })
  }

  await t.test('shows the first breach before anything has to be opened', async t => {
    const { page } = await openFile(browser, pages.bad, { viewport: desktop })
    const section = page.getByRole('region', { name: 'First breach' })
    const box = await section.boundingBox()
    t.ok(box && box.y < desktop.height / 2, `at ${box?.y} px`)
    t.match(await section.locator('h2').textContent(), /^First broken: discovery at 5\.\d+ s$/)
    t.ok(await section.getByRole('table', { name: 'Evidence of discovery' }).isVisible())
    t.notOk(await section.getByRole('table', { name: 'Evidence of recall' }).isVisible())
    await section.getByText('recall, at').click()
    t.ok(await section.getByRole('table', { name: 'Evidence of recall' }).isVisible())
    t.equal(await page.getByRole('table', { name: 'Namespaces by kind' }).getByRole('row').count(), 7)
    await page.context().close()
  })

  await t.test('a phone needs no sideways scrolling and shows text of a legible size', async t => {
    for (const [name, path] of Object.entries(pages)) {
      const { page } = await openFile(browser, path, { viewport: phone })
      const found = await page.evaluate<Fit>(fit)
      t.equal(found.width, phone.width, name)
      t.ok(name === 'empty' || found.smallest >= 10, `${name}: ${found.smallest} px`)
      await page.context().close()
    }
  })

  await t.test('words keep a contrast of at least 4.5 to their ground, by day and by night', async t => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openFile(browser, pages.bad, { viewport: desktop, colorScheme })
      const worst = await page.evaluate<Contrast>(worstContrast)
      t.ok(worst.ratio >= 4.5, `${colorScheme}: ${worst.ratio} at "${worst.text}"`)
      await page.context().close()
    }
  })
})
