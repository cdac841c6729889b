import t, { type Test } from 'tap'
import { Channel } from '../../src/base/channel.ts'
import { NslabError } from '../../src/base/errors.ts'
import { isFault, type OwnCommand, Steered, type SteeredLife } from '../../src/protocol/steered.ts'
import type { Command, Notice } from '../../src/protocol/steering.ts'
import { socketPair } from '../fixtures/socket-pair.ts'

const none = { facts: {}, remaining: [] }

/** A steered program, and `nslab run`'s end of its channel. */
async function bench(t: Test, life: Partial<SteeredLife> = {}) {
  const [ours, stream] = await socketPair()
  t.teardown(() => ours.destroy())
  const notices: Notice[] = []
  const obeyed: OwnCommand[] = []
  const ended: number[] = []
  const closed = new Promise(resolve => ours.once('close', resolve))
  const channel = new Channel<Command, Notice>(
    ours,
    notice => notices.push(notice),
    () => {},
  )
  const stop = new AbortController()
  const obey = (command: OwnCommand): void => {
    if (command.do === 'netns') throw new TypeError('a bug in a handler')
    obeyed.push(command)
  }
  const steered = new Steered({ stream, signal: stop.signal, obey })
  const end = steered.live({
    begin: async () => {},
    end: async deadlineS => {
      ended.push(deadlineS)
      return none
    },
    ended: () => {},
    ...life,
  })
  return { ours, channel, notices, obeyed, ended, closed, stop, steered, end }
}

t.test('a program obeys until it is told to stop, and says how it ended', async t => {
  const { channel, notices, obeyed, ended, closed, end } = await bench(t)
  channel.send({ do: 'build' })
  channel.send({ do: 'stop', deadline_s: 3 })
  t.same(await end, none)
  await closed
  t.same(obeyed, [{ do: 'build' }])
  t.same(ended, [3])
  t.same(notices, [{ is: 'stopped', ...none }])
})

t.test('the end of the channel and a signal end it in order', async t => {
  const one = await bench(t)
  one.ours.end()
  t.same(await one.end, none)
  const other = await bench(t)
  other.stop.abort()
  t.same(await other.end, none)
})

t.test('events wait for company, those of every node for longer, and never behind what is sent', async t => {
  const { steered, notices, channel, closed, end } = await bench(t)
  const up = { t_s: 1, from: 'd', kind: 'node_up', node_id: 1, netns_inode: 2, netns_cookie: '3' } as const
  const wired = { t_s: 2, from: 'd', kind: 'all_wired' } as const
  steered.post(up)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.same(notices, [], 'one of many waits')
  steered.post(wired)
  while (notices.length === 0) await new Promise(resolve => setTimeout(resolve, 1))
  t.same(notices, [{ is: 'events', events: [up, wired] }], 'what is waited for takes it along')
  steered.post(up)
  while (notices.length === 1) await new Promise(resolve => setTimeout(resolve, 1))
  t.same(notices[1], { is: 'events', events: [up] }, 'without company it leaves by itself')
  steered.post(up)
  steered.send({ is: 'ready', pid: 1 })
  steered.post(wired)
  channel.send({ do: 'stop', deadline_s: 3 })
  await end
  await closed
  t.same(notices.slice(2), [
    { is: 'events', events: [up] },
    { is: 'ready', pid: 1 },
    { is: 'events', events: [wired] },
    { is: 'stopped', ...none },
  ])
})

t.test('an expected error is told with its own exit code, after everything has ended', async t => {
  const { steered, notices, ended, closed, end } = await bench(t)
  const error = new NslabError('NODE_LOST', { nodeId: 3, reason: 'r' })
  steered.fail(error)
  steered.fail(new Error('too late'))
  await t.rejects(end, error)
  await closed
  t.equal(ended.length, 1)
  t.match(notices, [{ is: 'failed', code: 'NODE_LOST', exit_code: 6 }])
})

t.test('a bug is told as one, with its stack', async t => {
  const { notices, closed, end } = await bench(t, { begin: () => Promise.reject(new TypeError('oops')) })
  await t.rejects(end, { message: 'oops' })
  await closed
  t.match(notices, [{ is: 'failed', code: 'BUG', exit_code: 70, message: /oops(.|\n)*steered\.test/ }])
})

t.test('a bug while a command is obeyed is no orderly end', async t => {
  const { channel, ended, end } = await bench(t)
  channel.send({ do: 'netns', node_id: 1 })
  await t.rejects(end, { message: 'a bug in a handler' })
  t.equal(ended.length, 1)
})

t.test('without a channel only the signal ends it', async t => {
  const stop = new AbortController()
  stop.abort()
  const steered = new Steered({ stream: undefined, signal: stop.signal, obey: () => {} })
  t.notOk(steered.isSteered)
  t.same(await steered.live({ begin: async () => {}, end: async () => none, ended: () => {} }), none)
})

t.test('what a stream breaks with is no fault of what was said in it', async t => {
  t.notOk(isFault(undefined))
  t.notOk(isFault(Object.assign(new Error('reset'), { code: 'ECONNRESET' })))
  t.ok(isFault(new SyntaxError('not JSON')))
  t.ok(isFault(new NslabError('DISK_REFUSED', { path: 'p', reason: 'r' })))
})
