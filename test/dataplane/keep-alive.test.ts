// One timer for all connections.

import t from 'tap'
import type { FleetNode } from '../../src/dataplane/fleet-node.ts'
import { KeepAlive } from '../../src/dataplane/keep-alive.ts'

t.test('every joined node is probed, and a silent one is closed', async t => {
  const closed: string[] = []
  let allProbed = (): void => {}
  const probed = new Set<number>()
  const node = (id: number, stage: string, answers: boolean): FleetNode =>
    ({
      stage,
      connection: {
        probe: () => {
          probed.add(id)
          if (probed.size === 40) allProbed()
          return answers
        },
        close: (reason: string) => closed.push(`${id} ${reason}`),
      },
    }) as unknown as FleetNode
  const nodes = Array.from({ length: 40 }, (_, id) => node(id, 'joined', id !== 7))
  nodes.push(node(40, 'joining', false), { stage: 'joined', connection: null } as unknown as FleetNode)
  // The test itself keeps the process: the sweep does not.
  const held = setInterval(() => {}, 1000)
  const keepAlive = new KeepAlive(nodes, 60)
  t.teardown(() => {
    keepAlive.close()
    clearInterval(held)
  })
  await new Promise<void>(resolve => (allProbed = resolve))
  t.ok(closed.includes('7 the controller is silent'))
  t.notOk(probed.has(40), 'a joining node has a deadline of its own')
})
