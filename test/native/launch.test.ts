// nslab-launch: each option, held against what the kernel says about the program started.

import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { native } from '../../src/native/addon.ts'
import { asNobody, ended, firstLine, isRoot, launch, launcher } from '../fixtures/launch.ts'

const rootOnly = isRoot ? false : 'needs root: makes namespaces without a user namespace'
const ownNamespace = (kind: string): string => readlinkSync(`/proc/self/ns/${kind}`)
const kinds = ['user', 'net', 'pid', 'ipc', 'mnt'] as const

/** Which namespaces of the started program differ from this process's. */
async function differing(t: Test, options: readonly string[], prefix: readonly string[] = []): Promise<string[]> {
  const script = kinds.map(kind => `readlink /proc/self/ns/${kind}`).join('; ')
  const { code, out, err } = await launch([...options, '--', 'sh', '-c', script], prefix)
  t.equal(code, 0, err)
  const seen = out.split('\n')
  return kinds.filter((kind, i) => seen[i] !== ownNamespace(kind))
}

t.test('a program without options runs where the launcher is', async t => {
  t.same(await differing(t, []), [])
})

t.test('each namespace option changes that namespace and no other', { skip: rootOnly }, async t => {
  t.same(await differing(t, ['--net']), ['net'])
  t.same(await differing(t, ['--ipc']), ['ipc'])
  t.same(await differing(t, ['--mount']), ['mnt'])
  t.same(await differing(t, ['--pid']), ['pid'])
  t.same(await differing(t, ['--user']), ['user'])
})

t.test('an unprivileged user is root in a user namespace and may make the others in it', async t => {
  const options = ['--user', '--net', '--pid', '--ipc', '--mount']
  t.same(await differing(t, options, isRoot ? asNobody : []), [...kinds])
  const { out } = await launch(
    [...options, '--', 'sh', '-c', 'id -u; id -g; cat /proc/self/setgroups'],
    isRoot ? asNobody : [],
  )
  t.same(out.split('\n'), ['0', '0', 'deny'])
})

t.test('without a user namespace an unprivileged user is refused by the kernel', { skip: rootOnly }, async t => {
  const { code, out, err } = await launch(['--net', '--', 'echo', 'started'], asNobody)
  t.equal(code, 6)
  t.equal(out, '')
  t.match(err, 'nslab-launch: unshare(CLONE_NEWNET): EPERM')
})

t.test('a program that refuses root runs under another id in a nested user namespace', async t => {
  const prefix = isRoot ? asNobody : []
  const { out, code } = await launch(
    ['--user', '--pid', '--user-as', '1000', '--', 'sh', '-c', 'id -u; id -g; cat /proc/self/uid_map'],
    prefix,
  )
  t.equal(code, 0)
  const [uid, gid, map] = out.split('\n')
  t.same([uid, gid, map?.trim().split(/ +/)], ['1000', '1000', ['1000', '0', '1']])
})

t.test('a new network namespace has its loopback up', async t => {
  const { out } = await launch(['--user', '--net', '--', 'ip', '-json', 'link'])
  const links = JSON.parse(out) as { ifname: string; flags: string[] }[]
  t.match(links, [{ ifname: 'lo', flags: ['LOOPBACK', 'UP', 'LOWER_UP'] }])
  t.equal(links.length, 1)
})

t.test('a bind mount shows inside and not outside', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-launch:'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'seen'), 'yes')
  const { out } = await launch(['--user', '--bind', `${folder}:/mnt`, '--', 'cat', '/mnt/seen'])
  t.equal(out, 'yes')
  const { code } = await launch(['--', 'cat', '/mnt/seen'])
  t.not(code, 0)
  const missing = await launch(['--user', '--bind', `${folder}/nothing:/mnt`, '--', 'true'])
  t.equal(missing.code, 6)
  t.match(missing.err, 'ENOENT')
})

t.test('a program can give up root, its groups and all capabilities', { skip: rootOnly }, async t => {
  const { out } = await launch([
    '--uid',
    '65534',
    '--gid',
    '65533',
    '--',
    'grep',
    '-E',
    '^(Uid|Gid|Groups|CapEff)',
    '/proc/self/status',
  ])
  const facts = Object.fromEntries(out.split('\n').map(line => line.split(':').map(part => part.trim())))
  t.match(facts, {
    Uid: /^65534\s65534\s65534\s65534$/,
    Gid: /^65533\s65533\s65533\s65533$/,
    Groups: '',
    CapEff: /^0+$/,
  })
})

t.test('a program starts in the directory named, and a missing one is refused', async t => {
  t.equal((await launch(['--chdir', '/usr', '--', 'pwd'])).out, '/usr')
  t.equal((await launch(['--chdir', '/nothing/here', '--', 'pwd'])).code, 6)
})

t.test('namespaces of a living process are joined, the user namespace first', async t => {
  const prefix = isRoot ? asNobody : []
  const [program, ...rest] = [
    ...prefix,
    launcher,
    '--user',
    '--net',
    '--',
    'sh',
    '-c',
    'echo $$; readlink /proc/self/ns/net; read line',
  ]
  const holder = spawn(program as string, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => holder.stdin?.end())
  const pid = await firstLine(holder.stdout as NodeJS.ReadableStream)
  const { out, code } = await launch(
    [
      '--join-user',
      `/proc/${pid}/ns/user`,
      '--join-net',
      `/proc/${pid}/ns/net`,
      '--',
      'readlink',
      '/proc/self/ns/user',
      '/proc/self/ns/net',
    ],
    prefix,
  )
  t.equal(code, 0)
  t.same(out.split('\n'), [readlinkSync(`/proc/${pid}/ns/user`), readlinkSync(`/proc/${pid}/ns/net`)])
})

t.test(
  'a network namespace is joined by an inherited descriptor, and the one it is in already too',
  { skip: rootOnly },
  async t => {
    const fd = openSync('/proc/self/ns/net', 'r')
    const child = spawn(
      launcher,
      ['--join-net', '3', '--close-fds-except', '', '--', 'sh', '-c', 'readlink /proc/self/ns/net; ls /proc/self/fd'],
      {
        stdio: ['ignore', 'pipe', 'inherit', fd],
      },
    )
    const { out, code } = await ended(child)
    t.equal(code, 0)
    const [namespace, ...fds] = out.split('\n')
    t.equal(namespace, ownNamespace('net'))
    t.same(fds, ['0', '1', '2', '3'], 'only the one that ls itself opened is above 2')
  },
)

t.test('descriptors are closed but those named', async t => {
  const fd = openSync('/dev/null', 'r')
  const stdio: ('ignore' | 'pipe' | 'inherit' | number)[] = ['ignore', 'pipe', 'inherit', fd, fd, fd, fd]
  const script = 'for f in 3 4 5 6; do test -e /proc/self/fd/$f && echo $f; done; true'
  for (const options of [[], ['--user', '--pid']]) {
    const child = spawn(launcher, [...options, '--close-fds-except', '6,4,4', '--', 'sh', '-c', script], { stdio })
    t.same((await ended(child)).out.split('\n'), ['4', '6'])
  }
})

t.test('an exit status comes through, with and without a pid namespace', async t => {
  for (const options of [[], ['--user', '--pid']]) {
    t.equal((await launch([...options, '--', 'sh', '-c', 'exit 0'])).code, 0)
    t.equal((await launch([...options, '--', 'sh', '-c', 'exit 37'])).code, 37)
    t.equal((await launch([...options, '--', '/nothing/here'])).code, 127)
    t.equal((await launch([...options, '--', '/etc/passwd'])).code, 126)
  }
})

t.test('death by a signal is told as 128 + n by a pid namespace, and is the own death without', async t => {
  t.equal((await launch(['--user', '--pid', '--', 'sh', '-c', 'kill -KILL $$'])).code, 128 + 9)
  t.equal((await launch(['--user', '--pid', '--', 'sh', '-c', 'kill -TERM $$'])).code, 128 + 15)
  t.equal((await launch(['--', 'sh', '-c', 'kill -TERM $$'])).signal, 'SIGTERM')
})

t.test('signals sent to the launcher reach the program, also one without a handler', async t => {
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
    ['SIGQUIT', 3],
    ['SIGHUP', 1],
  ] as const) {
    const handling = spawn(launcher, [
      '--user',
      '--pid',
      '--',
      'sh',
      '-c',
      `trap 'exit ${40 + number}' ${number}; echo on; sleep 1000 & wait`,
    ])
    await firstLine(handling.stdout)
    handling.kill(signal)
    t.equal((await ended(handling)).code, 40 + number)
    const plain = spawn(launcher, ['--user', '--pid', '--', 'sh', '-c', 'echo on; exec sleep 1000'])
    await firstLine(plain.stdout)
    plain.kill(signal)
    t.equal((await ended(plain)).code, 128 + number)
  }
})

t.test('what a program leaves running ends with it', async t => {
  const child = spawn(launcher, ['--user', '--pid', '--', 'sh', '-c', 'setsid sleep 1000 & echo on'])
  const { code, out } = await ended(child)
  t.same([code, out], [0, 'on'], 'its output is closed: nobody holds it')
})

t.test(
  'the parent-death signal is set for the program, also after a change of credentials',
  { skip: rootOnly },
  async t => {
    const script = 'import ctypes; s = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(s)); print(s.value)'
    const options = [
      '--uid',
      '65534',
      '--gid',
      '65534',
      '--user-as',
      '1000',
      '--parent-death',
      '12',
      String(process.pid),
    ]
    t.equal((await launch([...options, '--', 'python3', '-c', script])).out, '12')
  },
)

t.test('a launcher whose parent is another than told gives up', async t => {
  const { code, out } = await launch(['--parent-death', '9', '1', '--', 'echo', 'started'])
  t.same([code, out], [6, ''])
})

t.test('a senseless command line ends with 2 and starts nothing', async t => {
  const lines = [
    [],
    ['--'],
    ['--nothing', '--', 'true'],
    ['--uid', 'x', '--', 'true'],
    ['--uid', '-1', '--', 'true'],
    ['--uid'],
    ['--bind', 'a', '--', 'true'],
    ['--bind', ':b', '--', 'true'],
    ['--parent-death', '9'],
    ['--parent-death', '0', '5', '--', 'true'],
    ['--parent-death', '99', '5', '--', 'true'],
    ['--net', '--join-net', '3', '--', 'true'],
    ['--net', '--net-cookie', '3', '--', 'true'],
    ['--close-fds-except', '3,x', '--', 'true'],
    ['--close-fds-except', Array.from({ length: 65 }, (_, i) => i).join(), '--', 'true'],
    [...Array.from({ length: 17 }, () => ['--bind', 'a:b']).flat(), '--', 'true'],
  ]
  for (const line of lines) t.equal((await launch(line)).code, 2, line.join(' '))
  t.equal((await launch(['--help'])).code, 0)
})

t.test('a network namespace with another cookie than asked for is refused', { skip: rootOnly }, async t => {
  const own = native.Netns.current()
  const { cookie } = own.identity
  own.close()
  const place = `/proc/${process.pid}/ns/net`
  const joinAs = (wanted: string) => launch(['--join-net', place, '--net-cookie', wanted, '--', 'echo', 'there'])
  t.match(await joinAs(String(cookie)), { code: 0, out: 'there' })
  for (const other of [String(cookie + 1n), '', `0${cookie}`])
    t.match(await joinAs(other), { code: 6, out: '', err: /not the one asked for: its cookie is/ }, other)
})

t.test('an unusable place to join is refused', async t => {
  t.match(await launch(['--join-net', '/nothing', '--', 'true']), { code: 6, err: /ENOENT/ })
  t.match(await launch(['--join-net', '/etc/passwd', '--', 'true']), { code: 6, err: /EINVAL/ })
  t.match(await launch(['--join-net', '77', '--', 'true']), { code: 6, err: /EBADF/ })
})

t.test(
  'an empty folder of its own covers one that is there, and hides nothing beside it',
  { skip: rootOnly },
  async t => {
    const base = mkdtempSync(join(tmpdir(), 'nslab-fresh-'))
    t.teardown(() => rmSync(base, { recursive: true, force: true }))
    writeFileSync(join(base, 'file'), 'kept')
    symlinkSync('file', join(base, 'link'))
    mkdirSync(join(base, 'covered'))
    writeFileSync(join(base, 'covered/inside'), '')
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    const script = 'ls covered missing; touch covered/a missing/b; ls covered missing; cat link; echo more > file'
    const fresh = ['--fresh', join(base, 'covered'), '--fresh', join(base, 'missing')]
    const { code, out, err } = await launch([
      ...fresh,
      '--chdir',
      base,
      '--',
      'sh',
      '-c',
      `exec 2>&1; cd ${base}; ${script}`,
    ])
    t.equal(code, 0, err)
    t.same(
      out.split('\n').filter(line => line !== ''),
      ['covered:', 'missing:', 'covered:', 'a', 'missing:', 'b', 'kept'],
    )
    t.same(readdirSync(base).sort(), ['covered', 'file', 'link'], 'nothing was made outside')
    t.same(readdirSync(join(base, 'covered')), ['inside'])
    t.equal(readFileSync(join(base, 'file'), 'utf8'), 'more\n', 'what is beside it is the same')
    t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  },
)

t.test('a PID namespace has a /proc of its own where that is asked for', { skip: rootOnly }, async t => {
  const script =
    "grep -c . /proc/self/status >/dev/null; ls /proc | grep -E '^[0-9]+$' | sort -n | head -2 | tr '\\n' ' '"
  const { out } = await launch(['--mount', '--pid', '--proc', '--', 'sh', '-c', script])
  t.equal(out, '1 2')
  t.match(await launch(['--proc', '--', 'true']), { code: 2, err: /--proc needs --pid/ })
  t.match(await launch(['--fresh', 'here', '--', 'true']), { code: 2, err: /is not an absolute path/ })
})
