// The controller's port lives in the fabric root and nowhere else.

import { once } from 'node:events'
import { connect, Socket } from 'node:net'

import t from 'tap'
import { WebSocket } from 'ws'

import { systemClock } from '../../../src/base/clock.ts'
import { runController } from '../../../src/controller/main.ts'
import { native } from '../../../src/native/addon.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'
import { until } from '../../fixtures/control-client.ts'
import { controllerConfig, runId, startUp } from '../../fixtures/controller.ts'
import { temporaryFolder } from '../../fixtures/private-postgres.ts'

const PORT = 38_911

t.test('nodes reach the controller inside the fabric root, the machine does not', async t => {
  const root = await native.Netns.create()
  t.teardown(() => root.close())
  const events: RunEvent[] = []
  const stop = new AbortController()
  const end = runController({
    config: controllerConfig({ port: PORT, listen: '0.0.0.0', topology: { nNodes: 1, edges: [] } }),
    runId,
    originNs: systemClock.nowNs(),
    clock: systemClock,
    fabric: root,
    databaseFolder: `${temporaryFolder(t)}/db`,
    keepDatabase: false,
    resetDatabase: true,
    signal: stop.signal,
    onEvent: event => events.push(event),
  })
  t.teardown(async () => {
    stop.abort()
    await end
  })
  await until(() => events.some(event => event.kind === 'listening'))
  const fd = await root.openSocket({ connect: { address: '127.0.0.1', port: PORT, timeoutMs: 5_000 } })
  const client = new WebSocket(`ws://127.0.0.1:${PORT}`, {
    createConnection: () => new Socket({ fd }),
    perMessageDeflate: false,
  })
  await once(client, 'open')
  client.send(JSON.stringify(startUp(1)))
  await until(() => events.some(event => event.kind === 'all_connected'))
  const outside = connect(PORT, '127.0.0.1')
  const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNREFUSED')
  client.terminate()
})

t.test('a port in use in the fabric root is named', async t => {
  const root = await native.Netns.create()
  t.teardown(() => root.close())
  const server = new Socket({ fd: await root.openSocket({ listen: { address: '0.0.0.0', port: PORT, backlog: 1 } }) })
  t.teardown(() => server.destroy())
  const end = runController({
    config: controllerConfig({ port: PORT, listen: '0.0.0.0' }),
    runId,
    originNs: systemClock.nowNs(),
    clock: systemClock,
    fabric: root,
    databaseFolder: `${temporaryFolder(t)}/db`,
    keepDatabase: false,
    resetDatabase: true,
    signal: new AbortController().signal,
  })
  await t.rejects(end, {
    code: 'KERNEL_REFUSED',
    facts: { where: `0.0.0.0:${PORT} in the fabric root`, errno: 'EADDRINUSE' },
  })
})
