// The page as a reader's browser shows it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import { lineChart } from '../../src/report/chart.ts'
import { renderHtml } from '../../src/report/html.ts'
import { launchChromium, noChromium, openFile } from '../fixtures/chromium.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { type ChartBox, type Contrast, chartBoxes, type Fit, fit, worstContrast } from '../fixtures/page-probes.ts'
import { historyOf, interruptedRun, type RunData, ringRun } from '../fixtures/run-folder.ts'

const desktop = { width: 1280, height: 900 }
const phone = { width: 390, height: 844 }

t.test('report.html in Chromium', { skip: noChromium }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-page-'))
  const browser: Browser = await launchChromium()
  t.teardown(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const page = (name: string, data: RunData): string => {
    const history = historyOf(data)
    return write(name, renderHtml(judge(history), history))
  }
  const hostile = ringRun({
    name: hostileName.repeat(3),
    gates: [{ name: `${'long'.repeat(60)}${hostileName}`, metric: hostileName, operator: '<', limit: 1 }],
  })
  const pages = {
    good: page('good.html', ringRun({ nodes: 800 })),
    interrupted: page('interrupted.html', interruptedRun({ nodes: 100 })),
    empty: page('empty.html', { ...ringRun({ gates: [] }), events: [], samples: [], outcome: null }),
    hostile: page('hostile.html', hostile),
  }

  await t.test('opens without a complaint and asks for nothing but itself', async t => {
    for (const [name, path] of Object.entries(pages)) {
      const { page, complaints, requests } = await openFile(browser, path, { viewport: desktop })
      t.same(complaints, [], name)
      t.same(
        requests.filter(url => !url.startsWith('file://') && !url.startsWith('data:')),
        [],
        name,
      )
      t.equal(requests.filter(url => url.startsWith('file://')).length, 1, name)
      t.not(await page.title(), 'owned', name)
      t.equal(await page.locator('script, img').count(), 0, name)
      await page.context().close()
    }
  })

  for (const [device, viewport] of Object.entries({ desktop, phone })) {
    await t.test(`draws its charts on a ${device}`, async t => {
      const { page } = await openFile(browser, pages.good, { viewport })
      const boxes = await page.evaluate<ChartBox[]>(chartBoxes)
      t.same(
        boxes.map(({ title }) => title),
        [
          'Nodes over time while wiring',
          'How long each phase took',
          'Memory over time',
          'Processors kept busy over time',
          'Wiring time against the number of nodes',
        ],
      )
      t.same(
        boxes.map(({ lines }) => lines.length),
        [3, 9, 5, 4, 1],
      )
      t.ok(boxes.every(({ lines }) => lines.every(size => size > 1)))
      await page.context().close()
    })
  }

  await t.test('a phone needs no sideways scrolling and shows text of a legible size', async t => {
    for (const [name, path] of Object.entries(pages)) {
      const { page } = await openFile(browser, path, { viewport: phone })
      const found = await page.evaluate<Fit>(fit)
      t.equal(found.width, phone.width, name)
      t.ok(found.smallest >= 10, `${name}: ${found.smallest} px`)
      await page.context().close()
    }
  })

  await t.test('words keep a contrast of at least 4.5 to their ground, by day and by night', async t => {
    const grounds = new Set<string>()
    for (const [name, colorScheme] of [
      ['good', 'light'],
      ['good', 'dark'],
      ['interrupted', 'light'],
      ['interrupted', 'dark'],
    ] as const) {
      const { page } = await openFile(browser, pages[name], { viewport: desktop, colorScheme })
      const worst = await page.evaluate<Contrast>(worstContrast)
      grounds.add(worst.ground)
      t.ok(worst.ratio >= 4.5, `${name} ${colorScheme}: ${worst.ratio} at "${worst.text}"`)
      await page.context().close()
    }
    t.equal(grounds.size, 2, 'day and night are not the same')
  })

  await t.test('charts and tables have names for those who hear the page', async t => {
    const { page } = await openFile(browser, pages.good, { viewport: desktop })
    t.equal(await page.getByRole('img', { name: 'Nodes over time while wiring' }).count(), 1)
    t.equal(await page.getByRole('table', { name: 'Gates' }).count(), 1)
    t.equal(await page.getByRole('table', { name: 'Beside the published figures' }).getByRole('row').count(), 11)
    await page.context().close()
  })

  await t.test('a chart standing alone is drawn by its own style', async t => {
    const path = write(
      'alone.svg',
      lineChart({
        title: 'Alone',
        x: 'nodes',
        y: 'seconds',
        log: true,
        series: [
          {
            name: 'a',
            points: [
              [1, 1],
              [2, 9],
            ],
          },
        ],
      }),
    )
    const { page, complaints } = await openFile(browser, path)
    const line = page.locator('path.line')
    t.same(complaints, [])
    t.not(await page.evaluate<string>(`getComputedStyle(document.querySelector('path.line')).stroke`), 'none')
    t.ok(((await line.boundingBox())?.height ?? 0) > 10)
    await page.context().close()
  })
})
