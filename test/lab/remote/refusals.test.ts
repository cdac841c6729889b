// What nslab remote refuses, and when: before anybody is asked, before anything is copied, before anything is started.

import { join } from 'node:path'
import t from 'tap'
import { FarMachine } from '../../fixtures/far-machine.ts'

const RING = ['far', 'ring', '--on', 'host', '--nodes', '3']

t.test('a machine that is not fit is refused before anything is copied, with all it lacks', async t => {
  const machine = new FarMachine(t)
  machine.isAnother()
  const run = machine.remote(RING)
  t.equal((await run.ended).code, 3)
  t.match(run.stderr, /does not run systemd[\s\S]*tmux/)
  t.match(run.stderr, /no nix-store/)
  t.match(run.stderr, /aarch64-Linux/)
  t.equal(machine.copies, 0)
})

t.test('a user whose services end at logout is told what to do', async t => {
  const machine = new FarMachine(t)
  machine.asUser()
  const run = machine.remote(RING)
  t.equal((await run.ended).code, 3)
  t.match(run.stderr, 'sudo loginctl enable-linger jo')
})

t.test('a copy that is refused starts nothing', async t => {
  const machine = new FarMachine(t)
  machine.set('no-copy')
  const run = machine.remote(RING)
  t.equal((await run.ended).code, 6)
  t.match(run.stderr, /lacks a valid signature[\s\S]*trusted-users/)
  t.notMatch(run.stderr, 'attaches to it')
})

t.test('a machine that can not be reached', async t => {
  const machine = new FarMachine(t)
  machine.set('unreachable')
  const run = machine.remote(RING)
  t.equal((await run.ended).code, 6)
  t.match(run.stderr, /far: ssh: .*Connection refused[\s\S]*`ssh far true`/)
})

t.test('what makes no sense is refused before anybody is asked', async t => {
  const machine = new FarMachine(t)
  const full = t.testdir({ full: { file: '' } })
  for (const [words, sentence] of [
    [[], /which machine\?/],
    [['churn'], /"churn" is a scenario, and the host comes first/],
    [['far'], /which scenario shall run on far\?/],
    [['far', 'rung'], /did you mean "ring"/],
    [['far', 'ring', '--nodes', 'many'], /many/],
    [['far', 'ring', '--patience', 'long'], /a time such as/],
    [['far', 'ring', '--out', join(full, 'full')], /is not an empty folder/],
    [['far', 'ring', '--kernel', 'lts,lts'], /lts twice/],
    [['far', 'ring', '--on', 'host', '--kernel', 'lts,latest'], /hosts\.kernel = "lts" is a VM's/],
    [['far', 'ring', '--on', 'vm', '--kernel', 'lts,./vmlinuz'], /\.\/vmlinuz is a path from here, .* is on far/],
    [['far', 'ring', '--on', 'vm', '--image', 'image.json'], /image\.json is a path from here/],
  ] as const) {
    const run = machine.remote(words)
    t.equal((await run.ended).code, 2, words.join(' '))
    t.match(run.stderr, sentence)
  }
  t.notOk(machine.hasBeenAsked)
})
