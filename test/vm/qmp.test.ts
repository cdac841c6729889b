// The client of QEMU's protocol, against a peer that says what it is told to.

import t, { type Test } from 'tap'
import { Qmp, type QmpEvent } from '../../src/vm/qmp.ts'
import { socketPair } from '../fixtures/socket-pair.ts'

const GREETING = { QMP: { version: { qemu: { major: 7 } }, capabilities: ['oob'] } }

interface Asked {
  readonly execute: string
  readonly arguments: object
  readonly id: number
}

/** A client and the far end of its stream: `asked` resolves with the next command. */
async function connected(t: Test) {
  const [near, far] = await socketPair()
  t.teardown(() => far.destroy())
  far.on('error', () => {})
  const events: QmpEvent[] = []
  const qmp = new Qmp('vm1', near, event => events.push(event))
  const commands: Asked[] = []
  let heard = (): void => {}
  let rest = ''
  far.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    commands.push(...lines.map(line => JSON.parse(line)))
    heard()
  })
  const asked = async (): Promise<Asked> => {
    while (commands.length === 0) {
      await new Promise<void>(resolve => {
        heard = resolve
      })
    }
    return commands.shift() as Asked
  }
  const say = (...messages: object[]): void =>
    void far.write(messages.map(each => `${JSON.stringify(each)}\r\n`).join(''))
  return { qmp, far, events, asked, say }
}

/** Beyond the greeting. */
async function ready(t: Test) {
  const peer = await connected(t)
  peer.say(GREETING)
  const { execute, id } = await peer.asked()
  t.equal(execute, 'qmp_capabilities')
  peer.say({ return: {}, id })
  await peer.qmp.ready
  return peer
}

t.test('answers find their question, in whatever order they come', async t => {
  const { qmp, asked, say } = await ready(t)
  const answers = Promise.all([qmp.execute('query-status', {}, 10_000), qmp.monitor('info registers', 10_000)])
  const [first, second] = [await asked(), await asked()]
  t.match(
    [first, second],
    [
      { execute: 'query-status', arguments: {} },
      { execute: 'human-monitor-command', arguments: { 'command-line': 'info registers' } },
    ],
  )
  say({ return: 'RIP=0', id: second.id }, { return: { status: 'running' }, id: first.id })
  t.same(await answers, [{ status: 'running' }, 'RIP=0'])
})

t.test("QEMU's own words are kept", async t => {
  const { qmp, asked, say } = await ready(t)
  const refused = qmp.execute('cont', {}, 10_000)
  const { id } = await asked()
  say({ error: { class: 'GenericError', desc: 'Resetting the Virtual Machine is required' }, id })
  await t.rejects(refused, {
    code: 'VM_REFUSED',
    exitCode: 6,
    facts: { vm: 'vm1', operation: 'QMP cont', reason: 'GenericError: Resetting the Virtual Machine is required' },
  })
})

t.test('a command has its deadline; a late answer is nobody’s', async t => {
  const { qmp, asked, say } = await ready(t)
  await t.rejects(qmp.execute('stop', {}, 20), { code: 'DEADLINE', facts: { waitingFor: /QMP stop of vm1/ } })
  const late = await asked()
  const next = qmp.execute('cont', {}, 10_000)
  say({ return: 'late', id: late.id }, { return: 'in time', id: (await asked()).id })
  t.equal(await next, 'in time')
})

t.test('events come in their order, beside answers, and without data', async t => {
  const { qmp, events, asked, say } = await ready(t)
  const answer = qmp.execute('system_reset', {}, 10_000)
  const { id } = await asked()
  const timestamp = { seconds: 1, microseconds: 2 }
  say(
    { event: 'RESET', data: { guest: false, reason: 'host-qmp-system-reset' }, timestamp },
    { event: 'STOP', timestamp },
  )
  say({ return: {}, id })
  await answer
  t.same(events, [
    { event: 'RESET', data: { guest: false, reason: 'host-qmp-system-reset' } },
    { event: 'STOP', data: {} },
  ])
})

t.test('when QEMU goes, whatever waits is told, and so is what comes after', async t => {
  const { qmp, far, asked } = await ready(t)
  t.equal(qmp.isClosed, false)
  const waiting = qmp.execute('stop', {}, 10_000)
  await asked()
  far.end()
  await t.rejects(waiting, { code: 'VM_REFUSED' })
  await qmp.closed
  t.equal(qmp.isClosed, true)
  await t.rejects(qmp.execute('cont', {}, 10_000), { code: 'VM_REFUSED' })
})

t.test('a QEMU that goes before it greets is not ready', async t => {
  const { qmp, far } = await connected(t)
  far.end()
  await t.rejects(qmp.ready, { code: 'VM_REFUSED' })
})

t.test('a peer that is no QEMU is left', async t => {
  const { qmp, far } = await connected(t)
  far.write('hello\n')
  await t.rejects(qmp.ready, { code: 'VM_REFUSED', facts: { reason: /JSON/ } })
  await qmp.closed
})
