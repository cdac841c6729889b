// The heap of a process that keeps it steady, under loads that make it grow elsewhere.

import { spawnSync } from 'node:child_process'
import t from 'tap'

const modulePath = new URL('../../src/base/steady-heap.ts', import.meta.url).href

/** What a script says, as a number, in a process whose heap is kept steady, or is not. */
function said(isSteady: boolean, script: string): number {
  const begin = isSteady ? `(await import(${JSON.stringify(modulePath)})).keepHeapSteady(50)` : ''
  const text = `import { getHeapSpaceStatistics } from 'node:v8'\n${begin}\n${script}`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', text]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(stderr, '')
  return Number(stdout)
}

t.test('the young generation stays as small as it is, where it would grow', t => {
  const youngMib = `
    let kept = []
    for (let i = 0; i < 2e6; i++) { kept.push({ i, of: [i] }); if (kept.length > 2e5) kept = [] }
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    console.log(young.space_size / 2 ** 20)`
  const usual = said(false, youngMib)
  const small = said(true, youngMib)
  t.ok(usual >= 16, `${usual} MiB`)
  t.ok(small > 0 && small <= usual / 2, `${small} of ${usual} MiB`)
  t.end()
})

t.test('garbage in the old generation is collected though nothing asks for room', t => {
  const usedMib = `
    let kept = []
    for (let i = 0; i < 2e5; i++) kept.push({ i, of: [i] })
    kept = null
    setTimeout(() => console.log(process.memoryUsage().heapUsed / 2 ** 20), 1000)`
  const usual = said(false, usedMib)
  const steady = said(true, usedMib)
  t.ok(steady > 0 && steady < usual / 2, `${steady} of ${usual} MiB`)
  t.end()
})

t.test('what is left is moved together, where it would lie scattered', t => {
  const emptyRatio = `
    let kept = []
    for (let i = 0; i < 5e4; i++) kept.push({ i, of: [i] })
    await new Promise(resolve => setTimeout(resolve, 2000))
    kept = kept.filter(({ i }) => i % 4 !== 0)
    let empty = 1
    for (let turn = 0; turn < 40 && empty > 0.1; turn++) {
      await new Promise(resolve => setTimeout(resolve, 500))
      const old = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')
      empty = kept.length && 1 - old.space_used_size / old.physical_space_size
    }
    console.log(empty)`
  const steady = said(true, emptyRatio)
  t.ok(steady > 0 && steady <= 0.1, `${steady}`)
  t.end()
})
