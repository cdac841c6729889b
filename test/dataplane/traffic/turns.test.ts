// Work for many, a little in each turn.

import t from 'tap'
import { Turns } from '../../../src/dataplane/traffic/turns.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('a turn takes no longer than it may, and idle is when all that was begun is done', async t => {
  let nowNs = 0n
  const did: string[] = []
  let finish = (): void => {}
  const turns = new Turns<number>({
    clock: { nowNs: () => nowNs },
    turnMs: 4,
    work: item => {
      did.push(`${item}`)
      nowNs += 3_000_000n
      return item === 2 ? new Promise<void>(resolve => (finish = resolve)) : null
    },
    onIdle: () => did.push('idle'),
  })
  for (const item of [1, 2, 3, 4, 3]) turns.add(item)
  turns.delete(4)
  t.strictSame(did, [], 'not at once')
  await turn()
  t.strictSame(did.splice(0), ['1', '2'])
  await turn()
  t.strictSame(did.splice(0), ['3'], 'once; and it is not done')
  finish()
  await turn()
  t.strictSame(did.splice(0), ['idle'])
  turns.add(5)
  turns.clear()
  await turn()
  t.strictSame(did, [])
})
