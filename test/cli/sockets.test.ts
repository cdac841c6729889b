// nslab sockets as a user calls it: what it prints where, and its exit codes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { native } from '../../src/native/addon.ts'
import { asNobody, type Ended, ended, isRoot, launcher } from '../fixtures/launch.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

function sockets(args: readonly string[], prefix: readonly string[] = []): Promise<Ended> {
  const [program = '', ...rest] = [...prefix, process.execPath, '--import', 'tsx', main, 'sockets', ...args]
  return ended(spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

interface Listing {
  readonly schema: string
  readonly namespaces: readonly { netns: string; name: string; sockets_count: number; incomplete: string | null }[]
  readonly sockets: readonly {
    netns: string
    state: string
    src: string
    src_port: number
    processes: { pid: number; name: string }[]
  }[]
}

t.test('the sockets of a namespace that only a descriptor holds are listed, with who has them', async t => {
  const netns = await native.Netns.create()
  const fd = await netns.openSocket({ listen: { address: '127.0.0.7', port: 7107, backlog: 3 } })
  t.teardown(() => {
    closeSync(fd)
    netns.close()
  })
  const cookie = netns.identity.cookie.toString()
  const { code, out } = await sockets(['--json', '--state', 'listening', '--port', '7107'])
  t.equal(code, 0)
  const listing = JSON.parse(out) as Listing
  t.equal(listing.schema, 'nslab.sockets/1')
  t.match(
    listing.sockets.filter(socket => socket.netns === cookie),
    [{ state: 'LISTEN', src: '127.0.0.7', src_port: 7107, processes: [{ pid: process.pid }] }],
  )
  t.ok(listing.sockets.every(({ state, src_port }) => state === 'LISTEN' && src_port === 7107))
  t.match(
    listing.namespaces.find(one => one.netns === cookie),
    { sockets_count: 1, incomplete: null, name: `net:[${netns.identity.inode}] (descriptor)` },
  )

  const table = await sockets(['--port', '7107'])
  const [head, ...rows] = table.out.split('\n')
  t.match(head, /^NETNS +COOKIE +STATE +RECV-Q +SEND-Q +LOCAL +PEER +PROCESS/)
  const row = rows.find(line => line.split(/ {2,}/).includes(cookie))
  t.match(row, /LISTEN +0 +3 +127\.0\.0\.7:7107 +0\.0\.0\.0:\* .*,\d+/)
  t.match(table.out, /\d+ sockets in \d+ network namespaces$/)

  const none = await sockets(['--state', 'established', '--port', '7107'])
  t.match([none.code, none.out], [0, /^0 sockets in \d+ network namespaces$/])
})

t.test('states and ports that can’t be are named', async t => {
  for (const [args, words] of [
    [['--state', 'open'], /'open' is invalid.*ESTABLISHED, .*TIME_WAIT/],
    [['--port', '0'], /'0' is invalid.*1 to 65535/],
    [['--port', '65536'], /'65536' is invalid/],
    [['--port', 'http'], /'http' is invalid/],
    [Array.from({ length: 65 }, (_, i) => ['--port', String(i + 1)]).flat(), /at most 64 ports/],
    [['7107'], /too many arguments/],
  ] as const) {
    const { code, out, err } = await sockets(args)
    t.same([code, out], [2, ''])
    t.match(err, words)
  }
})

t.test(
  'without the right to enter namespaces it says what is missing, and lists nothing',
  {
    skip: isRoot ? false : 'only root can become nobody',
  },
  async t => {
    const { code, out, err } = await sockets([], asNobody)
    t.same([code, out], [3, ''])
    t.match(err, /needs CAP_SYS_ADMIN: Operation not permitted\n.*as root/)
  },
)

t.test('with rights over the namespaces of others and none over its own, it says so', async t => {
  // Some namespace is owned by that user namespace; the command itself is in one that is not.
  const program = [process.execPath, '--import', 'tsx', main, 'sockets']
  const script =
    'unshare --net sleep 60 & while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done; "$@"; code=$?; kill $!; exit $code'
  const { code, out, err } = await ended(
    spawn(launcher, ['--user', '--', 'sh', '-c', script, 'sh', ...program], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  t.same([code, out], [3, ''])
  t.match(err, /needs CAP_SYS_ADMIN/)
})

t.test('what a process calls itself can not steer the terminal, nor break the table', async t => {
  const program = `
import ctypes, socket, sys
ctypes.CDLL(None).prctl(15, b"\\x1b[31mev\\nil", 0, 0, 0)
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
print(server.getsockname()[1], flush=True)
sys.stdin.read()`
  const holder = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => holder.stdin.end())
  const [port] = await once(holder.stdout, 'data')
  const { code, out } = await sockets(['--port', String(port).trim()])
  t.equal(code, 0)
  t.match(out, `\ufffd[31mev il,${holder.pid}`)
  t.notOk(out.includes('\x1b'))
  const { out: json } = await sockets(['--json', '--port', String(port).trim()])
  t.match(JSON.parse(json), { sockets: [{ processes: [{ name: '\x1b[31mev\nil' }] }] }, 'whole for programs')
})
