// A collector that is asked and changed over its socket.

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NslabError } from '../../../src/base/errors.ts'
import { connectTo, listenAt } from '../../../src/base/unix-socket.ts'
import { askCollector, type Controlled, ControlServer, type Status } from '../../../src/dataplane/collector/control.ts'
import type { PollLine } from '../../../src/dataplane/collector/figures.ts'

const settings = { interval_s: 5, states: [], ports: [] }
const poll = { is: 'poll', poll: 7 } as unknown as PollLine
const status = { pid: 1 } as Status

const answers: Controlled = {
  set: changes => {
    if (changes.interval_s === 0) throw new NslabError('USAGE', { problem: 'interval_s 0: too short' })
    return { ...settings, ...changes }
  },
  poll: async () => {
    await new Promise(resolve => setImmediate(resolve))
    return poll
  },
  status: () => status,
}

async function listening(t: Test, controlled = answers) {
  const path = join(t.testdir(), 'control')
  const server = await ControlServer.listen(path, controlled)
  t.teardown(() => server.close())
  return { path, server }
}

t.test('what is asked is answered', async t => {
  const { path, server } = await listening(t)
  t.same(await askCollector(path, { do: 'set', interval_s: 1 }), {
    is: 'set',
    settings: { ...settings, interval_s: 1 },
  })
  t.same(await askCollector(path, { do: 'poll' }), { is: 'polled', poll })
  t.same(await askCollector(path, { do: 'status' }), { is: 'status', status })
  await server.close()
  t.notOk(existsSync(path))
})

t.test('several questions of one line are answered in order', async t => {
  const { path } = await listening(t)
  const socket = await connectTo(path)
  t.teardown(() => socket.destroy())
  let text = ''
  const whole = new Promise<void>(resolve => {
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.split('\n').length > 4) resolve()
    })
  })
  socket.write('{"do":"poll"}\n{"do":"status"}\nnonsense\n{"do":"dance"}\n')
  await whole
  const kinds = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).is)
  t.same(kinds.sort(), ['polled', 'refused', 'refused', 'status'])
})

t.test('a refusal is told as one, and changes nothing', async t => {
  const { path } = await listening(t)
  await t.rejects(askCollector(path, { do: 'set', interval_s: 0 }), {
    code: 'USAGE',
    facts: { problem: 'interval_s 0: too short' },
  })
})

t.test('who asks hears of a collector that ends meanwhile', async t => {
  const { path, server } = await listening(t, { ...answers, poll: () => new Promise(() => {}) })
  const asked = askCollector(path, { do: 'poll' })
  // It is served when a later question was.
  await askCollector(path, { do: 'status' })
  await server.close()
  await t.rejects(asked, { code: 'PROCESS_ENDED' })
})

t.test('what is asked by who hangs up is not done any more', async t => {
  let [polls, end] = [0, (): void => {}]
  const poll = (): Promise<PollLine> => {
    polls++
    return new Promise(resolve => (end = () => resolve({} as PollLine)))
  }
  const { path } = await listening(t, { ...answers, poll })
  const socket = await connectTo(path)
  socket.write('{"do":"poll"}\n'.repeat(100))
  while (polls === 0) await new Promise(resolve => setImmediate(resolve))
  socket.destroy()
  // Its end is seen when a later question was answered.
  await askCollector(path, { do: 'status' })
  end()
  await askCollector(path, { do: 'status' })
  t.equal(polls, 1)
})

t.test('where none listens', async t => {
  await t.rejects(askCollector(join(t.testdir(), 'absent'), { do: 'status' }), { code: 'FILE_UNREADABLE' })
})

t.test('a path that is in use, or holds something else, is refused; what was left is replaced', async t => {
  const { path } = await listening(t)
  await t.rejects(ControlServer.listen(path, answers), { code: 'USAGE', facts: { problem: /another collector/ } })
  t.match(await askCollector(path, { do: 'status' }), { is: 'status' }, 'the first one still answers')
  const folder = t.testdir({})
  const file = join(folder, 'file')
  writeFileSync(file, 'precious')
  await t.rejects(ControlServer.listen(file, answers), { code: 'USAGE', facts: { problem: /not a socket/ } })
  t.ok(existsSync(file))
  await t.rejects(ControlServer.listen(join(folder, 'absent/x'), answers), { code: 'KERNEL_REFUSED' })
})

t.test('a socket that a killed collector left is replaced', async t => {
  const path = join(t.testdir(), 'left')
  const dead = createServer()
  await listenAt(dead, path)
  // Closing removes the file: it is put back, as a kill leaves it.
  renameSync(path, `${path}.kept`)
  await new Promise(resolve => dead.close(resolve))
  renameSync(`${path}.kept`, path)
  const server = await ControlServer.listen(path, answers)
  t.teardown(() => server.close())
  t.match(await askCollector(path, { do: 'status' }), { is: 'status' })
})
