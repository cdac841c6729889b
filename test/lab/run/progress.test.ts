import t from 'tap'
import { progressOf } from '../../../src/lab/run/progress.ts'

t.test('rate and time left follow from what is done', async t => {
  t.match(progressOf('wire', 'nodes', 25, 100, 0.5), { ratePerS: 50, remainingS: 1.5 })
  t.match(progressOf('wire', 'nodes', 100, 100, 2), { ratePerS: 50, remainingS: 0 })
})

t.test('nothing is foretold from nothing', async t => {
  t.match(progressOf('wire', 'nodes', 0, 100, 3), { ratePerS: 0, remainingS: null })
  t.match(progressOf('wire', 'nodes', 3, 100, 0), { ratePerS: 0, remainingS: null })
})
