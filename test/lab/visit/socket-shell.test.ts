// A shell on a guest's console over lab.sock, with a guest of this process: who gets the console, what is typed when,
// and how it ends. The console of a real guest is in test/vm/keep.long.ts.

import { once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Channel } from '../../../src/base/channel.ts'
import { LabClient, type RemoteShell } from '../../../src/lab/visit/client.ts'
import { LabSocket } from '../../../src/lab/visit/socket.ts'
import type { FromGuest, GuestCall, ToGuest } from '../../../src/vm/guest-calls.ts'
import { GuestChannel } from '../../../src/vm/guest-channel.ts'
import { RUN_ID, runWith, vmFacts } from '../../fixtures/lab-here.ts'
import { socketPair } from '../../fixtures/socket-pair.ts'

const SIZE = { rows: 24, columns: 80, term: 'vt100' }

interface Guest {
  /** Its end of the console. */
  readonly console: Duplex
  readonly calls: GuestCall[]
  readonly connect: () => Promise<LabClient>
  readonly socket: LabSocket
  /** Resolves with the first call of this kind that has come or comes. */
  called<Name extends GuestCall['call']>(name: Name): Promise<Extract<GuestCall, { call: Name }>>
  tell(message: FromGuest): void
  readonly refusal: { code: string | null }
}

/** A guest that answers every call with what it takes to go on, and remembers it. */
async function guest(t: Test): Promise<Guest> {
  const [far, near] = await socketPair()
  const [console, shell] = await socketPair()
  const calls: GuestCall[] = []
  const listeners = new Set<() => void>()
  const refusal = { code: null as string | null }
  const agent = new Channel<FromGuest, ToGuest>(
    far,
    message => {
      if ('p' in message) return
      calls.push(message)
      for (const listener of listeners) listener()
      const facts = { operation: 'open', where: '/dev/hvc0', errno: 'ENOENT', reason: '' }
      const isRefused = refusal.code !== null && message.call === 'open_shell'
      if (isRefused) agent.send({ re: message.id, error: { code: refusal.code as string, facts, message: '' } })
      else agent.send({ re: message.id, value: { pid: 7 } })
      if (message.call === 'exec') {
        const { process, stdout, stderr } = message.ask
        for (const p of [stdout, stderr]) if (p !== undefined) agent.send({ p, fin: true })
        agent.send({ is: 'exit', process, status: 'exit 0', code: 0 })
      }
      if (message.call === 'kill') {
        const { process, signal } = message.ask
        agent.send({ is: 'exit', process, status: `killed by ${signal}`, code: null })
      }
    },
    () => {},
  )
  shell.resume()
  const channel = new GuestChannel({ vm: 'vm1', stream: near })
  const path = join(t.testdir(), 'lab.sock')
  const socket = await LabSocket.open(path, {
    vms: [{ facts: vmFacts('vm1'), channel, shell }],
    runId: RUN_ID,
    launcher: '',
    whereIs: async () => ({ vm: '', pid: 0, fd: 0 }),
    links: null,
    stop: async () => [],
  })
  t.teardown(async () => {
    await socket.close('ends with its test')
    for (const stream of [far, near, console, shell]) stream.destroy()
  })
  return {
    console,
    calls,
    socket,
    refusal,
    tell: message => agent.send(message),
    connect: async () => {
      const client = await LabClient.connect(runWith('', path))
      t.teardown(() => client.close())
      return client
    },
    called: name =>
      new Promise(resolve => {
        const look = (): void => {
          const call = calls.find(each => each.call === name)
          if (call === undefined) return
          listeners.delete(look)
          resolve(call as never)
        }
        listeners.add(look)
        look()
      }),
  }
}

/** Resolves when the stream has said this. */
function said(stream: Duplex, wanted: string): Promise<void> {
  let text = ''
  return new Promise(resolve => {
    const listen = (chunk: Buffer): void => {
      text += chunk.toString()
      if (!text.includes(wanted)) return
      stream.off('data', listen)
      resolve()
    }
    stream.on('data', listen)
  })
}

/** A shell that has said its prompt. */
async function opened(guest: Guest, client: LabClient): Promise<RemoteShell> {
  const shell = await client.shell('vm1', SIZE)
  guest.console.write('# ')
  await said(shell.tty, '# ')
  return shell
}

async function end(guest: Guest, code: number): Promise<void> {
  const { ask } = await guest.called('open_shell')
  guest.tell({ is: 'exit', process: ask.process, status: `exit ${code}`, code })
}

t.test('what is typed and said goes through, and the exit code comes last', async t => {
  const here = await guest(t)
  const shell = await opened(here, await here.connect())
  t.match((await here.called('open_shell')).ask, SIZE)
  shell.tty.write('ls\r')
  await said(here.console, 'ls\r')
  await end(here, 42)
  here.console.write('its last words')
  const words = said(shell.tty, 'its last words')
  t.equal(await shell.ended, 42)
  await words
  if (!shell.tty.readableEnded) await once(shell.tty.resume(), 'end')
  t.pass('the stream has ended, too')
})

t.test('its last words may come after its end, and long after what it said before', async t => {
  const here = await guest(t)
  const shell = await opened(here, await here.connect())
  let text = ''
  shell.tty.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await setTimeout(300)
  await end(here, 0)
  await setTimeout(30)
  here.console.write('its last words')
  t.equal(await shell.ended, 0)
  if (!shell.tty.readableEnded) await once(shell.tty, 'end')
  t.equal(text, 'its last words')
})

t.test('nothing typed reaches the console before the shell has spoken', async t => {
  const here = await guest(t)
  const client = await here.connect()
  const shell = await client.shell('vm1', SIZE)
  let heard = ''
  here.console.on('data', (chunk: Buffer) => {
    heard += chunk.toString()
  })
  shell.tty.write('early\r')
  // Whatever was typed has reached the run when this is answered.
  await client.call('vms', {})
  t.equal(heard, '')
  here.console.write('# ')
  await said(here.console, 'early\r')
  t.equal(heard, 'early\r')
})

t.test('a second shell is refused while there is one, and had after that', async t => {
  const here = await guest(t)
  const [one, other] = [await here.connect(), await here.connect()]
  const shell = await opened(here, one)
  const refused = { code: 'VM_REFUSED', facts: { vm: 'vm1', operation: 'shell' } }
  await t.rejects(other.shell('vm1', SIZE), refused)
  await t.rejects(one.shell('vm1', SIZE), refused)
  await end(here, 0)
  t.equal(await shell.ended, 0)
  here.calls.length = 0
  await opened(here, other)
  t.equal(here.calls.filter(({ call }) => call === 'open_shell').length, 1)
})

t.test('a guest that refuses leaves its console free', async t => {
  const here = await guest(t)
  const client = await here.connect()
  here.refusal.code = 'KERNEL_REFUSED'
  await t.rejects(client.shell('vm1', SIZE), { code: 'KERNEL_REFUSED', facts: { errno: 'ENOENT' } })
  await t.rejects(client.shell('vm7', SIZE), { code: 'USAGE' })
  here.refusal.code = null
  await opened(here, client)
  t.pass('the next one has it')
})

t.test(
  'a shell is killed with its client; what the guest goes on to say is read by nobody and holds nothing up',
  async t => {
    const here = await guest(t)
    const client = await here.connect()
    const shell = await opened(here, client)
    const { ask } = await here.called('open_shell')
    client.close()
    await t.rejects(shell.ended, { code: 'PROCESS_ENDED' })
    t.match(await here.called('kill'), { ask: { process: ask.process, signal: 'SIGKILL' } })
    const flood = Buffer.alloc(3_000_000, 'x')
    await new Promise(resolve => here.console.write(flood, resolve))
    here.calls.length = 0
    await opened(here, await here.connect())
    t.pass('all of it was taken')
  },
)

t.test('a flood is no faster than its reader, and whole', async t => {
  const here = await guest(t)
  const shell = await opened(here, await here.connect())
  const size = 3_000_000
  shell.tty.pause()
  here.console.write(Buffer.alloc(size, 'x'))
  let seen = 0
  const all = new Promise<void>(resolve => {
    shell.tty.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen === size) resolve()
    })
  })
  shell.tty.pause()
  await end(here, 0)
  shell.tty.resume()
  await all
  t.equal(await shell.ended, 0)
})

t.test('another size of the terminal is told to the console', async t => {
  const here = await guest(t)
  const shell = await opened(here, await here.connect())
  shell.resize({ rows: 50, columns: 132 })
  t.same((await here.called('exec')).ask.argv, ['stty', '-F', '/dev/hvc0', 'rows', '50', 'cols', '132'])
})

t.test('the end of the run ends the shell, and says so', async t => {
  const here = await guest(t)
  const shell = await opened(here, await here.connect())
  const closed = here.socket.close('ends with its run')
  await t.rejects(shell.ended, { code: 'GUEST_LOST', facts: { vm: 'vm1', reason: 'ends with its run' } })
  await closed
})
