import t from 'tap'
import { type ChartOptions, lineChart } from '../../src/report/chart.ts'
import { phaseBars } from '../../src/report/phase-bars.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { elements, parseXml, type XmlElement } from '../fixtures/xml.ts'

const chart = (over: Partial<ChartOptions> = {}): XmlElement =>
  parseXml(
    lineChart({
      title: 'T',
      x: 'nodes',
      y: 'seconds',
      series: [
        {
          name: 'a',
          points: [
            [1, 1],
            [2, 4],
            [3, 9],
          ],
        },
      ],
      ...over,
    }),
  )
const ofClass = (root: XmlElement, tag: string, name: string): XmlElement[] =>
  elements(root, tag).filter(({ attributes }) => attributes.class === name)
const ticks = (root: XmlElement): string[] => ofClass(root, 'text', 'tick').map(({ text }) => text)

t.test('a chart alone is an SVG file with its own title, style and ground', async t => {
  const root = chart()
  t.match(root, { name: 'svg', attributes: { role: 'img' } })
  t.equal(elements(root, 'style').length, 1)
  t.equal(ofClass(root, 'rect', 'ground').length, 1)
  t.equal(ofClass(root, 'text', 'title')[0]?.text, 'T')
})

t.test('a chart in a page has neither, and ids of its own', async t => {
  const root = chart({ embedded: { id: 'x' } })
  t.equal(elements(root, 'style').length + ofClass(root, 'rect', 'ground').length, 0)
  t.equal(root.attributes['aria-labelledby'], 'x-title x-desc')
})

t.test('it is described for those who can not see it', async t => {
  t.match(elements(chart(), 'desc')[0]?.text, /seconds against nodes\. a: 3 points, the last at 3, 9/)
  t.equal(elements(chart({ description: 'D' }), 'desc')[0]?.text, 'D')
  t.match(elements(chart({ series: [{ name: 'a', points: [] }] }), 'desc')[0]?.text, /no points/)
})

t.test('each shape draws what it says', async t => {
  const drawn = (shape: 'line' | 'step' | 'dots' | 'line+dots') => {
    const root = chart({
      series: [
        {
          name: 'a',
          shape,
          points: [
            [1, 1],
            [2, 4],
          ],
        },
      ],
    })
    return [elements(root, 'path').length, elements(root, 'circle').length]
  }
  t.same(drawn('line'), [1, 0])
  t.same(drawn('step'), [1, 0])
  t.same(drawn('dots'), [0, 2])
  t.same(drawn('line+dots'), [1, 2])
  const steps = (shape: 'line' | 'step') =>
    chart({
      series: [
        {
          name: 'a',
          shape,
          points: [
            [1, 1],
            [2, 4],
          ],
        },
      ],
    })
  t.not(elements(steps('step'), 'path')[0]?.attributes.d, elements(steps('line'), 'path')[0]?.attributes.d)
})

t.test('a single point of a line is still seen', async t => {
  t.equal(elements(chart({ series: [{ name: 'a', points: [[1, 1]] }] }), 'circle').length, 1)
})

t.test('without anything to draw it says so', async t => {
  for (const series of [
    [],
    [{ name: 'a', points: [] }],
    [{ name: 'a', points: [[Number.NaN, 1]] as [number, number][] }],
  ]) {
    const root = chart({ series })
    t.equal(ofClass(root, 'text', 'empty').length, 1)
    t.equal(elements(root, 'path').length, 0)
  }
  t.equal(ofClass(chart({ series: [], log: true }), 'text', 'empty').length, 1)
})

t.test('a logarithmic axis has powers of ten and leaves out what it can not show', async t => {
  const wide = chart({
    log: true,
    series: [
      {
        name: 'a',
        points: [
          [1, 0.15],
          [2, 0],
          [3, -1],
          [4, 165],
        ],
      },
    ],
  })
  t.ok(['0.1', '1', '10', '100'].every(tick => ticks(wide).includes(tick)))
  t.notMatch(elements(wide, 'path')[0]?.attributes.d, /NaN|Infinity/)
  const short = chart({
    log: true,
    series: [
      {
        name: 'a',
        points: [
          [1, 2],
          [2, 40],
        ],
      },
    ],
  })
  t.ok(
    ['2', '5', '10', '20'].every(tick => ticks(short).includes(tick)),
    ticks(short).join(' '),
  )
})

t.test('axes take their ends and words from the caller', async t => {
  const root = chart({
    x: { label: 'X', min: 0, max: 5, format: value => `${value}x` },
    y: { label: 'Y', min: 0, max: 800, format: value => `${value}y` },
  })
  t.ok(ticks(root).includes('5x'))
  t.ok(ticks(root).includes('800y'))
  t.equal(elements(chart({ y: { label: 'Y', min: 3, max: 3 } }), 'path').length, 1)
  t.equal(elements(chart({ log: true, y: { label: 'Y', min: 0.5, max: 50 } }), 'path').length, 1)
  t.ok(
    ticks(
      chart({
        series: [
          {
            name: 'a',
            points: [
              [1, -5],
              [2, 5],
            ],
          },
        ],
      }),
    ).includes('-4'),
    'below zero is shown',
  )
})

t.test('several series have a key that wraps to the width, colours go round or are given', async t => {
  const series = Array.from({ length: 7 }, (_, index) => ({
    name: `series number ${index}`,
    points: [[0, index]] as [number, number][],
  }))
  const heightOf = (width: number) => {
    const keys = ofClass(chart({ series, width }), 'text', 'key')
    t.equal(keys.length, 7)
    return new Set(keys.map(({ attributes }) => attributes.y)).size
  }
  t.ok(heightOf(360) > heightOf(1200))
  t.equal(ofClass(chart(), 'text', 'key').length, 0, 'one series needs none')
  const coloured = chart({
    series: [
      { name: 'a', colour: 3, points: [[0, 1]] },
      { name: 'b', shape: 'dots', points: [[0, 1]] },
    ],
  })
  t.same(new Set(elements(coloured, 'g').map(({ attributes }) => attributes.class)), new Set(['s3', 's1']))
})

t.test('marks are drawn within the plot, their words on the side with room', async t => {
  const root = chart({
    marks: [
      { at: 1, label: 'early' },
      { at: 3, label: 'late' },
    ],
    x: { label: 'x', min: 0, max: 4 },
  })
  t.same(
    ofClass(root, 'text', 'mark-label').map(({ attributes }) => attributes['text-anchor']),
    ['start', 'end'],
  )
})

t.test('hostile names stay text', async t => {
  const root = chart({
    title: hostileName,
    series: [
      { name: hostileName, points: [[0, 1]] },
      { name: 'b', points: [] },
    ],
    marks: [{ at: 0, label: hostileName }],
  })
  t.equal(elements(root, 'script').length, 0)
})

t.test('phases are bars on one axis, however short', async t => {
  const phases = [
    { name: 'census', start_s: 0, duration_s: 0 },
    { name: 'wire', start_s: 0, duration_s: 2 },
  ]
  const bars = elements(parseXml(phaseBars(phases, 360, 'p').text), 'rect')
  t.ok(bars.every(({ attributes }) => Number(attributes.width) >= 2))
  t.equal(bars.length, 2)
  t.equal(elements(parseXml(phaseBars([], 360, 'p').text), 'rect').length, 0)
})
