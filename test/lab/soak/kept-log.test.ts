import t from 'tap'
import { KeptLog } from '../../../src/lab/soak/kept-log.ts'

t.test('a log is kept whole up to some MiB, and then a little of it, with what was left out', async t => {
  let nowS = 0
  const kept: string[] = []
  const log = new KeptLog({ nowS: () => nowS, write: line => kept.push(line) })
  const line = 'x'.repeat(1023)
  for (let at = 0; at < 16 * 1024; at++) log.add(line)
  t.equal(kept.length, 16 * 1024)
  log.add('one more')
  log.add('another')
  t.same(kept.splice(0).slice(-1), ['(it writes more than is kept: lines are left out here)'])
  nowS = 60
  log.add('not yet')
  t.same(kept, [])
  nowS = 70
  for (let at = 0; at < 100; at++) log.add(line)
  log.tellLeftOut()
  log.tellLeftOut()
  t.equal(kept.shift(), '(3 lines, 25 bytes, were left out)')
  t.same(kept.splice(-2), [
    '(it writes more than is kept: lines are left out here)',
    '(30 lines, 30720 bytes, were left out)',
  ])
  t.same(new Set(kept), new Set([line]))
  t.equal(kept.length, 70, 'what time has given')
  nowS = 1e6
  for (let at = 0; at <= 16 * 1024; at++) log.add(line)
  t.equal(kept.length, 70 + 16 * 1024 + 1, 'never more than at the beginning')
})
