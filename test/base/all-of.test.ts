// What fails among works that go on at a time.

import t from 'tap'
import { allOf } from '../../src/base/all-of.ts'

t.test('the first failure is told when nothing is under way any more', async t => {
  const ended: string[] = []
  const work = async (name: string, ms: number, fails = false): Promise<string> => {
    await new Promise(resolve => setTimeout(resolve, ms))
    ended.push(name)
    if (fails) throw new Error(name)
    return name
  }
  await t.rejects(allOf([work('a', 30), work('b', 1, true), work('c', 15, true)]), { message: 'b' })
  t.same(ended, ['b', 'c', 'a'])
  t.same(await allOf([work('d', 5), work('e', 1)]), ['d', 'e'])
})
