// What a guest finds when its programs start, and how it ends with them: real guests, booted by what users get.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findProgram } from '../../src/vm/image/contents.ts'
import { runGuest } from '../fixtures/init-guest.ts'
import { scratchFolder } from '../fixtures/shell-guest.ts'

const shell = (script: string): Record<string, string> => ({
  'agent.sh': script,
  'etc/nslab/agent': '/bin/sh\n/agent.sh\n',
})

/** In an image's own shell busybox would take its own ip and tc. */
const LOOK_AROUND = `
say() { echo "@ $1 = $(shift; "$@" 2>&1 | tr '\\n' ' ')"; }
say name hostname
say files ulimit -n
say namespaces cat /proc/sys/user/max_net_namespaces
say backlog cat /proc/sys/net/core/netdev_max_backlog
say oom cat /proc/sys/vm/panic_on_oom
say loopback cat /sys/class/net/lo/flags
say mounts awk '{ print $2 ":" $3 }' /proc/mounts
say whoami whoami
say phases cat /run/nslab/boot.json
say node node -p 'process.version + process.getuid()'
say nslab nslab --version
say veth /usr/bin/ip link add v0 type veth peer name v1
say bridge /usr/bin/ip link add b0 type bridge
say netem /usr/bin/tc qdisc add dev v0 root netem delay 1ms
say qdisc /usr/bin/tc qdisc show dev v0
say sockets /usr/bin/ss -Htln
say diag /usr/bin/ss -K dst 127.0.0.9
say nonexistent modprobe nonexistent
say builtin modprobe ext4
say iperf3 sh -c 'iperf3 --version | head -n 1'
(sleep 0.1 &)
sleep 0.5
say zombies sh -c 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z "'
echo "@ parent = $PPID"
exit 7`

t.test("an image's guest has what nslab runs with", async t => {
  const path = join(scratchFolder(t), 'name')
  writeFileSync(path, 'vm7\n')
  const { end, console } = await runGuest(t, {
    role: 'fleet',
    files: shell(LOOK_AROUND),
    spec: { fwCfg: [{ name: 'opt/nslab/name', path }] },
  })
  const said = Object.fromEntries([...console.matchAll(/^@ (\w+) = (.*?) ?$/gm)].map(([, key, text]) => [key, text]))
  t.match(said, {
    name: 'vm7',
    files: '1048576',
    namespaces: '100000',
    backlog: '10000',
    oom: '1',
    loopback: '0x9',
    whoami: 'root',
    node: `${process.version}0`,
    nslab: /^\d+\.\d+\.\d+$/,
    veth: '',
    bridge: '',
    netem: '',
    qdisc: /netem .*delay 1(\.0)?ms/,
    sockets: '',
    nonexistent: /not found/,
    builtin: '',
    zombies: '0',
    parent: '1',
  })
  if (findProgram('iperf3') !== undefined) t.match(said.iperf3, /^iperf 3/)
  for (const mount of ['/proc:proc', '/sys:sysfs', '/dev:devtmpfs', '/dev/pts:devpts', '/dev/shm:tmpfs', '/run:tmpfs'])
    t.ok(said.mounts?.split(' ').includes(mount), mount)
  t.ok(said.mounts?.includes('/sys/fs/cgroup:cgroup2'))
  const phases = JSON.parse(said.phases ?? '{}') as Record<string, number>
  t.same(Object.keys(phases), ['kernel_s', 'mounts_s', 'modules_s', 'root_s', 'settled_s'])
  const times = Object.values(phases)
  t.same(
    times,
    [...times].sort((a, b) => a - b),
    'one after the other',
  )
  t.match(console, /nslab-init \[\d+\.\d{3}\]: agent started: \/bin\/sh, process \d+\n/)
  t.match(console, /agent ended with 7\n/)
  t.equal(end.kind, 'guest_shutdown')
  t.notMatch(console, /ignoring/, 'nothing was refused to init')
})

t.test('the guest ends when the agent does, however that was', async t => {
  const endings = {
    'exit 0': /agent ended with 0\n/,
    'kill -9 $$': /agent ended by signal 9 \(KILL\)\n/,
    "trap '' TERM; busybox poweroff; while :; do busybox sleep 1; done": /power off asked for\n.*did not end in 2 s\n/,
  }
  for (const [script, words] of Object.entries(endings)) {
    const { end, console } = await runGuest(t, {
      role: null,
      files: shell(`busybox() { /bin/busybox "$@"; }\n${script}`),
    })
    t.match(console, words, script)
    t.match(console, /powering off\n/)
    t.equal(end.kind, 'guest_shutdown', script)
  }
})

t.test('a restart that was asked for is one', async t => {
  const { end, console } = await runGuest(t, {
    role: null,
    files: shell('/bin/busybox reboot; /bin/busybox sleep 100'),
  })
  t.match(console, /restart asked for\n.*restarting\n/s)
  t.equal(end.kind, 'guest_reset')
})

t.test('what init can not do it says, and goes on', async t => {
  const { end, console } = await runGuest(t, {
    role: null,
    files: {
      'etc/nslab/modules': '# a comment\n/lib/modules/none.ko\n',
      'etc/nslab/settings': 'net.core.somaxconn = 77\nno.such.setting = 1\nnet.core.somaxconn = words\nno setting\n',
      'etc/hostname': 'from-the-image\n',
      ...shell(
        'limit=$(/bin/busybox cat /proc/sys/net/core/somaxconn); echo "limit $limit, name $(/bin/busybox hostname)"',
      ),
    },
    spec: { consoleFile: join(scratchFolder(t), 'console.log') },
  })
  t.match(console, /loading \/lib\/modules\/none\.ko: ENOENT .*, ignoring\n/)
  t.match(console, /setting no\.such\.setting = 1: ENOENT .*, ignoring\n/)
  t.match(console, /setting net\.core\.somaxconn = words: EINVAL .*, ignoring\n/)
  t.match(console, /limit 77, name from-the-image\n/)
  t.equal(end.kind, 'guest_shutdown')
})

t.test("the name on the kernel's command line comes before the image's own", async t => {
  const { console } = await runGuest(t, {
    role: null,
    files: { 'etc/hostname': 'from-the-image\n', ...shell('echo "name $(/bin/busybox hostname)"') },
    spec: { commandLine: 'console=ttyS0 quiet panic=-1 nslab.name=vm3' },
  })
  t.match(console, /name vm3\n/)
})

t.test('without a program to start, the guest says so and ends', async t => {
  const none = await runGuest(t, { role: null, files: {} })
  t.match(none.console, /etc\/nslab\/agent names no program to start\n/)
  t.equal(none.end.kind, 'guest_shutdown')
  const absent = await runGuest(t, { role: null, files: { 'etc/nslab/agent': '/no/such/program\n' } })
  t.match(absent.console, /cannot start \/no\/such\/program: No such file or directory\n/)
  t.match(absent.console, /agent ended with 127\n/)
  t.equal(absent.end.kind, 'guest_shutdown')
})
