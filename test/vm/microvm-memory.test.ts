// What a VM is told that asks for too little memory, and how an end is judged that no guest shows on demand.

import t from 'tap'
import { memoryNeededMib, requireMemory } from '../../src/vm/memory.ts'
import type { VmEnd } from '../../src/vm/spec.ts'
import { describeEnd, type EndFacts } from '../../src/vm/vm-end.ts'

const load = { vm: 'vm1', imageMib: 320, nodes: 100, programs: 2, hasDatabase: true }

t.test('memory grows with what runs in the VM', async t => {
  const needed = memoryNeededMib(load)
  t.equal(needed % 16, 0)
  t.ok(needed > 320 + 2 * 100)
  t.ok(
    memoryNeededMib({ ...load, nodes: 1000 }) - needed >= (900 * 300) / 1024,
    'the kernel alone takes 300 KiB of a node',
  )
  t.ok(memoryNeededMib({ ...load, hasDatabase: false }) < needed)
  t.equal(memoryNeededMib({ ...load, nodes: 0, programs: 0, hasDatabase: false }), 320)
})

t.test('too little is refused with what is needed, and for what', async t => {
  const neededMib = memoryNeededMib(load)
  t.doesNotThrow(() => requireMemory(load, neededMib))
  t.throws(() => requireMemory(load, neededMib - 1), {
    code: 'VM_TOO_SMALL',
    exitCode: 2,
    facts: { vm: 'vm1', askedMib: neededMib - 1, neededMib, parts: [/320/, /2 programs/, /database/, /100 nodes/] },
    hint: new RegExp(`hosts\\.memory_mib=${neededMib}`),
  })
  const bare = { ...load, nodes: 0, programs: 1, hasDatabase: false }
  t.throws(() => requireMemory(bare, 64), { code: 'VM_TOO_SMALL', facts: { parts: [/320/, /1 program$/] } })
  t.throws(() => requireMemory({ ...bare, programs: 0 }, 64), { code: 'VM_TOO_SMALL', facts: { parts: { length: 1 } } })
})

const facts: EndFacts = {
  verdict: null,
  code: 0,
  signal: null,
  shutdownReason: null,
  panicked: false,
  askedDown: false,
  console: '',
  qemuWords: '',
  diagnosis: null,
  atNs: 1n,
}
const ended = (changes: Partial<EndFacts>): VmEnd => describeEnd({ ...facts, ...changes })

t.test('a guest whose agent was killed for its memory, and that switched itself off over it', async t => {
  const console = '[    9.1] Out of memory: Killed process 77 (node) total-vm:1kB\r\n[    9.2] reboot: Power down\r\n'
  const off = { shutdownReason: 'guest-shutdown', console }
  t.match(ended(off), { kind: 'out_of_memory', words: /Killed process 77 \(node\)/ })
  t.match(ended({ ...off, askedDown: true }), { kind: 'guest_shutdown' }, 'one that was asked to, did')
})

t.test('a group of processes at its own limit is not the guest', async t => {
  const console = 'Memory cgroup out of memory: Killed process 9 (x)\n'
  t.match(ended({ shutdownReason: 'guest-shutdown', console }), { kind: 'guest_shutdown' })
})

t.test('a panic that the console does not explain', async t => {
  t.match(ended({ panicked: true, shutdownReason: 'guest-reset' }), { kind: 'guest_panic', words: /does not say why/ })
})

t.test('what we decided stands, whatever followed from it', async t => {
  const verdict = { kind: 'hang', words: 'did not answer' } as const
  const end = ended({
    verdict,
    panicked: true,
    console: 'Kernel panic - not syncing: NMI',
    signal: 'SIGKILL',
    code: null,
  })
  t.match(end, { kind: 'hang', words: 'did not answer', status: 'killed by SIGKILL' })
})

t.test('the last lines are kept without colours and empty ones', async t => {
  const console = `${'x\n'.repeat(100)}\u001b[1;31mred\u001b[0m\r\n\r\n  indented  \r\n`
  const { consoleLines } = ended({ console })
  t.same(consoleLines.slice(-3), ['x', 'red', '  indented'])
  t.ok(consoleLines.length < 100)
})
