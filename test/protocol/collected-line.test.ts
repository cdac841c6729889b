// Lines of the format "nslab.collect/1", as a user's program may write them.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { formOf, forms, readCollected } from '../../src/protocol/collected-line.ts'

const NOW_S = 100
const read = (words: string) => readCollected(words, NOW_S)
const problemOf = (line: object): string | undefined => {
  const said = read(JSON.stringify(line))
  return said !== null && 'problem' in said ? said.problem : undefined
}
const example = (is: keyof typeof forms): Readonly<Record<string, unknown>> => JSON.parse(forms[is])

t.test('examples are of the format, and the README has each', async t => {
  const readme = readFileSync(new URL('../../soak/README.md', import.meta.url), 'utf8')
  for (const [is, form] of Object.entries(forms)) {
    t.same(read(form), { line: JSON.parse(form) }, is)
    t.ok(readme.includes(form), `${is} is in soak/README.md`)
  }
})

t.test('each key of an example is asked for', async t => {
  for (const is of Object.keys(forms) as (keyof typeof forms)[]) {
    for (const key of Object.keys(example(is)).filter(key => key !== 'is')) {
      const { [key]: _, ...others } = example(is)
      t.match(problemOf(others), `${key} of "${is}" must be `)
      t.match(problemOf({ ...others, [key]: {} }), `${key} of "${is}" must be `)
    }
  }
})

t.test('further keys pass', async t => {
  t.equal(problemOf({ ...example('socket'), rtt: 'mine' }), undefined)
  t.equal(problemOf({ ...example('blind'), unopened_namespaces_count: 2, large_apart_s: 0.5 }), undefined)
  t.match(problemOf({ ...example('blind'), unopened_namespaces_count: 'two' }), 'must be a count')
})

t.test('a cookie is text, since numbers of JSON lose digits', async t => {
  t.match(
    problemOf({ ...example('netns'), netns: 4097 }),
    'netns of "netns" must be a cookie: decimal digits, in quotes',
  )
  t.match(problemOf({ ...example('netns'), netns: 'net:[4026531840]' }), 'must be a cookie')
  t.match(problemOf({ ...example('poll'), first_of: '' }), 'must be a cookie: decimal digits, in quotes or null')
})

t.test('times are of CLOCK_MONOTONIC', async t => {
  t.equal(problemOf({ ...example('netns'), mono_s: NOW_S }), undefined)
  t.equal(
    problemOf({ ...example('netns'), mono_s: 1.7e9 }),
    'mono_s of "netns" must be CLOCK_MONOTONIC in s, which is 100.0 now',
  )
})

t.test('a kind that is not known is told with those that are', async t => {
  t.match(problemOf({ is: 'nets' }), '"is" must be one of start, netns, netns_gone, socket, poll, blind, stop')
})

t.test('what means to be a line and is no JSON is told, what is of a log is none', async t => {
  for (const words of ["{'is': 'netns'}", '{"is":"poll","took_s":NaN}', '{"is":"netns"}{"is":"netns"}', '{"is" : "so'])
    t.match(read(words), { problem: /JSON/ }, words)
  for (const words of ['', 'is', '{worker 1} up', '{"level":"info"}', '{"msg":{"is":"x"}}', '["is"]', '{"is":7}'])
    t.equal(read(words), null, words)
})

t.test('the form asked for is that of what the line says it is', async t => {
  t.equal(formOf('{"is":"socket"'), forms.socket)
  t.equal(formOf("{'is': 'poll'}"), forms.poll)
  t.match(formOf('{"is":"nets"}'), /with one of start, netns/)
})
