// One run on several kernels: its command line, its table, its exit code.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import t from 'tap'
import { describeMatrix, worstOf } from '../../src/cli/run/kernel-matrix.ts'
import { kernelsOf, severalKernels } from '../../src/cli/run/kernels.ts'
import { addScenarioOptions, loadWithOptions, overridesOf, wordsOf } from '../../src/cli/run/scenario-options.ts'
import type { Report } from '../../src/judge/types.ts'
import { NslabProcess } from '../fixtures/nslab-process.ts'

function optionsOf(...args: string[]) {
  const command = addScenarioOptions(new Command())
  command.parse(args, { from: 'user' })
  return command.opts()
}

t.test('kernels are named once each', t => {
  t.same(kernelsOf('lts, latest,/boot/vmlinuz'), ['lts', 'latest', '/boot/vmlinuz'])
  t.throws(() => kernelsOf('lts,lts'), { code: 'USAGE', message: /lts twice/ })
  t.throws(() => kernelsOf('lts,'), { code: 'USAGE', message: /empty name/ })
  t.end()
})

t.test("a run's options are given on to each kernel's run", t => {
  const args = ['--cold', '--nodes', '5', '--on', 'vm', '--set', 'run.hold=1s']
  const options = optionsOf(...args, '--kernel', 'a,b', '--out', 'here')
  t.same(severalKernels(options), ['a', 'b'])
  t.same(wordsOf(options), ['--cold', '--kernel', 'a,b', ...args.slice(1)])
  const { kernel: _, ...others } = options
  t.same(wordsOf(others), args)
  t.equal(severalKernels(optionsOf('--kernel', 'a')), null)
  t.end()
})

t.test('the worst exit code is that of all', t => {
  t.equal(worstOf([]), 0)
  t.equal(worstOf([0, 5, 0]), 5)
  t.equal(worstOf([5, 1, 0]), 1, 'a gate that failed says more than one that nothing is known of')
  t.equal(worstOf([1, 3]), 3, 'a kernel that no run was on leaves more open than one that failed')
  t.equal(worstOf([70, 130, 6]), 130)
  t.equal(worstOf([130, 139]), 139, 'what is none of ours is worse')
  t.end()
})

t.test('the table has a line a kernel, and figures that the runs have', t => {
  const report = {
    verdict: 'pass',
    metrics: { vm_ready_s: 2.5, discovery_p99_s: 0.02, observer_rss_max_bytes: 5e7 },
    environment: { guests: { vm1: { kernel: '6.12.1' }, vm2: { kernel: '6.12.1' } } },
  } as unknown as Report
  const text = describeMatrix([
    { kernel: 'lts', folder: 'out/lts', exitCode: 0, report },
    { kernel: '\x1blatest', folder: 'out/latest', exitCode: 3, report: null },
  ])
  const [, head = '', first = '', second = ''] = text.split('\n')
  t.match(head, /^Kernel +Release +Verdict +Exit +vm_ready_s +discovery_p99_s +observer_rss_max_bytes +Run folder$/)
  t.match(first, /^lts +6\.12\.1 +pass +0 .* 20 ms .* out\/lts$/)
  t.match(second, /^\S*latest +– +no report +3( +–){3} +out\/latest$/)
  t.notMatch(second, '\x1b')
  t.end()
})

t.test('a scenario has one kernel, and no image beside', t => {
  const load = (...args: string[]) => loadWithOptions('ring', optionsOf(...args)).scenario.hosts
  t.equal(load('--kernel', 'linux-image-amd64').kernel, 'linux-image-amd64')
  t.equal(load('--kernel', './vmlinuz').kernel, join(process.cwd(), 'vmlinuz'), 'a path is from here')
  t.throws(() => load('--kernel', 'a,b'), { code: 'CONFIG_INVALID', message: /hosts\.kernel.*one kernel/s })
  t.throws(() => load('--kernel', 'lts', '--image', 'x'), { code: 'CONFIG_INVALID', message: /hosts\.image already/ })
  t.same(overridesOf({ kernel: 'lts' }), [{ key: 'hosts.kernel', value: 'lts', from: '--kernel lts' }])
  t.end()
})

t.test("a kernel is a VM's: on this machine it is refused, each in its turn, and told", async t => {
  const out = join(t.testdir({}), 'matrix')
  const run = new NslabProcess(['run', 'ring', '--on', 'host', '--kernel', 'lts,latest', '--out', out])
  const { code, stdout, stderr } = await run.ended
  t.equal(code, 2)
  t.match(stderr, /kernel lts \(1 of 2\)[\s\S]*hosts\.kernel = "lts" is a VM's[\s\S]*kernel latest \(2 of 2\)/)
  t.match(stdout, /^lts +– +no report +2 [\s\S]*^latest +– +no report +2 /m)
  t.notOk(existsSync(join(out, 'lts')), 'nothing was made of it')
})
