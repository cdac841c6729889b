// MicroVMs inside sandboxed derivations: no root, no network, no KVM. The run folder is the output, whatever the
// verdict.

import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import type { Report } from '../../src/judge/types.ts'
import { buildableFlake, outPath, runNix, userFlake } from '../fixtures/nix-build.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

const reportOf = (folder: string): Report => JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report

t.test('a ring in a microVM as a check: green is its run folder, red keeps it', async t => {
  const folder = t.testdir()
  const nslab = buildableFlake(join(folder, 'nslab'))
  const image = dirname((await run(process.execPath, [cliPath, 'image', 'controller'])).stdout.trim())
  const user = userFlake(join(folder, 'user'), nslab, image, {
    green: 'words = [ "run" "ring" "--nodes" "5" ];',
    red: `words = [ "run" "\${./red.toml}" ];`,
    unfit: 'words = [ "run" "ring" "--nodes" "5" "--set" "hosts.memory_mib=128" ];',
  })
  const gate = '[[gate]]\nmetric = "nodes_count"\nrequire = "== 4"\n'
  writeFileSync(join(user, 'red.toml'), `name = "red"\nnodes = 3\n${gate}`)
  const build = (name: string) => runNix(t, ['build', `path:${user}#${name}`, '--json', '--no-link', '-L'])

  const green = await build('green')
  t.equal(green.code, 0)
  const out = outPath(green)
  t.match(reportOf(out), { verdict: 'pass', level: 'tcg', metrics: { nodes_count: 5, residue_count: 0 } })
  t.ok(existsSync(join(out, 'report.html')))
  t.match(readFileSync(join(out, 'terminal.txt'), 'utf8'), /PASS {2}ring, 5 nodes, level tcg/)

  const red = await build('red')
  t.not(red.code, 0)
  const kept = /red ended with 1; its run folder is kept: (\/nix\/store\/\S+)/.exec(red.stderr)?.[1] ?? ''
  t.match(reportOf(kept), { verdict: 'fail', exit_code: 1, level: 'tcg' })
  const again = await build('red-run')
  t.equal(realpathSync(outPath(again)), kept, 'it is there without another run')

  const unfit = await build('unfit')
  t.not(unfit.code, 0)
  t.match(unfit.stderr, /128 MiB is too small/)
  t.not((await build('unfit-run')).code, 0, 'what never ran keeps nothing, and is tried again')
})
