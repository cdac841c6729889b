import t from 'tap'
import { LineBatch } from '../../../src/lab/churn/line-batch.ts'
import type { ChurnLine } from '../../../src/protocol/churn.ts'

const begin: ChurnLine = { is: 'begin', t_s: 1 }
const made = (sockets: number): ChurnLine => {
  const socket = { population: 'pair', cookie: '1', family: 4, port: 1, peer_port: 2 } as const
  const times = { due_s: 0, asked_s: 0, exists_s: 0, made_s: 0 }
  const of = { op: 1, id: 1, kind: 'socket', fill: false, name: null, fault: null, cookie: '1', inode: 1 } as const
  return { is: 'made', ...of, ...times, sockets: Array.from({ length: sockets }, () => socket) }
}

t.test('lines leave together, in order, and soon', async t => {
  const sent: (readonly ChurnLine[])[] = []
  let wake = (): void => {}
  const left = new Promise<void>(resolve => {
    wake = resolve
  })
  const batch = new LineBatch(lines => {
    sent.push(lines)
    wake()
  })
  batch.add([begin])
  batch.add([made(1), made(2)])
  t.same(sent, [])
  await left
  t.same(sent, [[begin, made(1), made(2)]])
  batch.add([begin])
  batch.flush()
  batch.flush()
  t.same(sent.slice(1), [[begin]], 'at once where that is wanted, and never empty')
})

t.test('lines with many sockets leave before they are too much for one message', t => {
  const sizes: number[] = []
  const batch = new LineBatch(lines => sizes.push(JSON.stringify(lines).length))
  batch.add(Array.from({ length: 60 }, () => made(1000)))
  batch.flush()
  t.ok(sizes.length > 2)
  t.ok(Math.max(...sizes) < 8 * 1024 * 1024)
  t.end()
})
