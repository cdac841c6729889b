// What of a console's text a message shows.

import t from 'tap'
import { consoleLines, tellingLines } from '../../src/vm/console-text.ts'

/** As a guest of Linux 6.1 printed it. */
const panic = `[    0.563198] PCI: Fatal: No config space access function found
nslab-init [2.778]: agent started: /usr/bin/node, process 88
[   55.607416] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled
[   55.621132] CPU: 0 PID: 88 Comm: node Tainted: G            E      6.1.0-56-cloud-amd64 #1
[   55.621539] Call Trace:
[   55.621658]  <TASK>
[   55.621762]  dump_stack_lvl+0x44/0x5c
[   55.621934]  panic+0x118/0x2f4
[   55.622068]  out_of_memory.cold+0x67/0x7e
[   55.623803] RIP: 0033:0x10baae6
[   55.637158] Code: 5d 41 5e 5d c3 0f 1f 80 00 00 00 00 44 8d 6b 17 4c 89
[   55.637832] RSP: 002b:00007fff2ba12040 EFLAGS: 00000206
[   55.638056] RAX: 00001414ecf44ca9 RBX: 000000000000058b RCX: 0000000000000000
[   55.638344] RDX: 0000000025987238 RSI: 00000000000005a0 RDI: 00000000259d97e0
[   55.639052] R13: 00000000000005a0 R14: 0000397ab1600879 R15: 3fffffffffffffff
[   55.639319]  </TASK>
[   55.646173] Kernel Offset: disabled
`

t.test('a panic is shown from its reason on, without registers', async t => {
  const shown = tellingLines(consoleLines(panic), 12)
  t.match(shown[0], 'Kernel panic - not syncing: Out of memory')
  t.same(
    shown.slice(1).map(line => line.slice(15).trim()),
    [
      'CPU: 0 PID: 88 Comm: node Tainted: G            E      6.1.0-56-cloud-amd64 #1',
      'Call Trace:',
      'dump_stack_lvl+0x44/0x5c',
      'panic+0x118/0x2f4',
      'out_of_memory.cold+0x67/0x7e',
    ],
  )
  t.equal(tellingLines(consoleLines(panic), 2).length, 2)
})

t.test('where nothing panicked it is the last lines, and where the kernel computes its place is kept', async t => {
  t.same(tellingLines(['one', 'two', 'three'], 2), ['two', 'three'])
  const place = '[  137.467448] RIP: 0010:amd_e400_idle+0x3d/0x50'
  t.same(tellingLines([place, '[  137.467449] Code: 00 11'], 5), [place])
})
