// The addon in a process that may not change its namespaces.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { asNobody, ended, isRoot } from '../fixtures/launch.ts'

t.test('a switch that the kernel refuses is an error, and the process goes on', { skip: !isRoot }, async t => {
  const addon = fileURLToPath(new URL('../../native/build/Release/nslab.node', import.meta.url))
  const script = `
    const { Netns } = require(${JSON.stringify(addon)})
    try { Netns.fromFd(require('node:fs').openSync('/proc/self/ns/net', 'r')) } catch (error) { console.log(error.code) }
    console.log('alive')`
  const [program, ...prefix] = asNobody
  const child = spawn(program, [...prefix, process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.match(await ended(child), { code: 0, out: 'EPERM\nalive' })
})
