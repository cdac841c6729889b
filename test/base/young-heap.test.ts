// The young generation of a process that keeps it small, under a load that makes it grow elsewhere.

import { spawnSync } from 'node:child_process'
import t from 'tap'

const modulePath = new URL('../../src/base/young-heap.ts', import.meta.url).href

/** MiB of young generation after a load of objects that survive for a while. */
function youngMib(isSmall: boolean): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8'
    if (${isSmall}) (await import(${JSON.stringify(modulePath)})).keepYoungHeapSmall()
    let kept = []
    for (let i = 0; i < 2e6; i++) { kept.push({ i, of: [i] }); if (kept.length > 2e5) kept = [] }
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    console.log(young.space_size / 2 ** 20)`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(stderr, '')
  return Number(stdout)
}

t.test('it stays as small as it is, where it would grow', t => {
  const usual = youngMib(false)
  const small = youngMib(true)
  t.ok(usual >= 16, `${usual} MiB`)
  t.ok(small > 0 && small <= usual / 2, `${small} of ${usual} MiB`)
  t.end()
})
