import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { mustRun, runTool } from '../../src/setup/child.mjs'
import { exitCode } from '../../src/setup/root.mjs'

t.test('a tool gives its status and all that it wrote', async t => {
  t.same(await runTool('sh', ['-c', 'echo out; echo err >&2; exit 3']), { status: 3, output: 'out\nerr\n' })
  t.match(await runTool('/nowhere/at-all', []), { status: 127 })
  t.match(await runTool('sh', ['-c', 'kill -KILL $$']), { status: 137 })
})

t.test('a tool that has to succeed ends the set-up with its last lines', async t => {
  t.equal(await mustRun('saying', 'echo', ['yes']), 'yes\n')
  const failing = mustRun('counting', 'sh', ['-c', 'seq 1000; exit 1'])
  await t.rejects(failing, { code: exitCode.refused, message: /^counting failed \(exit 1\):\n941\n[\d\n]*1000$/ })
})

/** A process that runs this shell text in its place, by the set-up's means. */
const startInstead = async (t: Test, text: string) => {
  const module = new URL('../../src/setup/child.mjs', import.meta.url).href
  const program = `import { runInstead } from '${module}'; process.exit(await runInstead('sh', ['-c', ${JSON.stringify(text)}]))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

t.test('the program that takes our place gives its exit code', async t => {
  t.same(await once(await startInstead(t, 'exit 7'), 'exit'), [7, null])
  t.same(await once(await startInstead(t, 'kill -TERM $$'), 'exit'), [143, null])
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`${signal} reaches the program, once, and how it then ends is how we end`, async t => {
    const name = signal.slice(3)
    const text = `trap 'echo got; count=1' ${name}; echo ready; while [ -z "$count" ]; do sleep 0.01; done; exit 9`
    const child = await startInstead(t, text)
    let output = ''
    child.stdout.on('data', chunk => {
      if (output === '') child.kill(signal)
      output += chunk
    })
    const [[code]] = await Promise.all([once(child, 'exit'), once(child.stdout, 'end')])
    t.same([code, output], [9, 'ready\ngot\n'])
  })
}
