// Packages without installing them: with an apt and a dpkg of the test's own in PATH, which do as the real ones would.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Packages } from '../../src/vm/image/packages.ts'
import { vouch } from '../fixtures/image-cache.ts'

const packagesPath = fileURLToPath(new URL('../../src/vm/image/packages.ts', import.meta.url))

/** Puts programs before all others in PATH for this test: name → what a shell does. */
function programs(t: Test, folder: string, scripts: Record<string, string>, path = process.env.PATH ?? ''): void {
  mkdirSync(join(folder, 'programs'))
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, 'programs', name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, 'programs', name), 0o755)
  }
  const before = process.env.PATH
  process.env.PATH = [join(folder, 'programs'), path].filter(Boolean).join(delimiter)
  t.teardown(() => {
    process.env.PATH = before
  })
}

/** Downloads what is asked for behind `download` once `lists` is there, if that is named. */
const aptGet = (log: string, lists = ''): string => `
echo "$@" >> ${log}
case "$*" in *update*) ${lists === '' ? 'exit 100' : `touch ${lists}; exit 0`} ;; esac
if [ -n "${lists}" ] && [ ! -e "${lists}" ]; then echo "E: 404  Not Found" >&2; exit 100; fi
while [ "$1" != download ]; do shift; done
shift
for name; do echo packed > "\${name}_1%3a2.0-1_amd64.deb"; done`

const dpkg = 'mkdir -p "$3/usr/bin"; echo unpacked > "$3/usr/bin/tool"'

t.test('packages are fetched and unpacked once, and found again without apt', async t => {
  const folder = t.testdir({})
  const log = join(folder, 'log')
  programs(t, folder, { 'apt-get': aptGet(log), dpkg })
  const steps: string[] = []
  const packages = new Packages(join(folder, 'cache'), line => steps.push(line))
  t.equal(await packages.present('tool'), null)
  const [tool, other] = await packages.fetch(['tool', 'other-tool'])
  t.match(tool, { name: 'tool', version: '1:2.0-1' })
  t.equal(other?.name, 'other-tool')
  t.match(steps, [/fetching tool, other-tool .*nothing is installed/])
  t.equal(readFileSync(join(tool?.folder ?? '', 'usr/bin/tool'), 'utf8'), 'unpacked\n')
  t.same(await packages.present('tool'), tool)
  t.match(await packages.present(/^other-/), { name: 'other-tool' })
  t.equal(await packages.present('too'), null, 'a name is a whole one')
  t.equal(readFileSync(log, 'utf8').trim().split('\n').length, 1)
  t.same(
    readdirSync(join(folder, 'cache')).filter(name => name.startsWith('.part')),
    [],
    'nothing half done is left',
  )
})

t.test('lists that are too old are fetched anew, into the cache', async t => {
  const folder = t.testdir({})
  const log = join(folder, 'log')
  programs(t, folder, { 'apt-get': aptGet(log, join(folder, 'lists')), dpkg })
  const steps: string[] = []
  const packages = new Packages(join(folder, 'cache'), line => steps.push(line))
  t.match(await packages.fetch(['tool']), [{ name: 'tool' }])
  t.match(steps, [/fetching tool/, /lists of packages/])
  const [, update = ''] = readFileSync(log, 'utf8').split('\n')
  t.match(update, `Dir::State::lists=${join(folder, 'cache/.apt/lists')}`)
})

t.test('the kernel that a metapackage stands for is asked of apt', async t => {
  const folder = t.testdir({})
  const answer = 'linux-image-cloud-amd64\n  Depends: linux-base\n  Depends: linux-image-6.1.0-9-cloud-amd64\n'
  programs(t, folder, { 'apt-cache': `printf '${answer.replaceAll('\n', '\\n')}'`, 'apt-get': 'exit 100' })
  const packages = new Packages(join(folder, 'cache'), () => {})
  t.equal(await packages.resolve('linux-image-cloud-amd64', /^linux-image-.*/), 'linux-image-6.1.0-9-cloud-amd64')
  await t.rejects(packages.resolve('linux-image-cloud-amd64', /^nothing/), { code: 'NOT_FIT', exitCode: 3 })
})

t.test('of several versions the newest by number is taken', async t => {
  const folder = t.testdir({
    'linux-image-6.1.0-9-cloud-amd64_6.1.67-1_amd64': {},
    'linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64': {},
    '.part-x': {},
  })
  const [old, newest] = ['9-cloud-amd64_6.1.67-1', '56-cloud-amd64_6.1.192-2'].map(
    name => `linux-image-6.1.0-${name}_amd64`,
  ) as [string, string]
  for (const name of [old, newest]) await vouch(join(folder, name))
  const found = await new Packages(folder, () => {}).present(/^linux-image-/)
  t.equal(found?.version, '6.1.192-2')
})

t.test('a package that is no longer what was unpacked is told of, and fetched again', async t => {
  const folder = t.testdir({})
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache')]
  programs(t, folder, { 'apt-get': aptGet(log), dpkg })
  const steps: string[] = []
  const packages = new Packages(cache, line => steps.push(line))
  const [tool] = await packages.fetch(['tool'])
  const path = join(tool?.folder ?? '', 'usr/bin/tool')
  const harms: Record<string, () => void> = {
    'a byte is another': () => writeFileSync(path, 'unpackeD\n'),
    'it has lost its end': () => truncateSync(path, 3),
    'it has lost a file': () => rmSync(path),
    'it has won a file': () => writeFileSync(`${path}.more`, ''),
  }
  for (const [harm, harmed] of Object.entries(harms)) {
    harmed()
    steps.length = 0
    t.equal(await packages.present('tool'), null, harm)
    t.match(steps, [/tool_1:2\.0-1_amd64 is not what was unpacked there; it is fetched again/])
    t.same(await packages.fetch(['tool']), [tool])
    t.equal(readFileSync(path, 'utf8'), 'unpacked\n')
    t.same(await packages.present('tool'), tool)
  }
})

t.test('a package that nothing vouches for is fetched again; until it is, it stays', async t => {
  const folder = t.testdir({})
  programs(t, folder, { 'apt-get': aptGet('/dev/null'), dpkg })
  const packages = new Packages(join(folder, 'cache'), () => {})
  const [tool] = await packages.fetch(['tool'])
  const path = join(tool?.folder ?? '', 'usr/bin/tool')
  for (const record of [null, '{', 'null']) {
    writeFileSync(path, 'of somebody else')
    if (record === null) rmSync(`${tool?.folder}.digests`)
    else writeFileSync(`${tool?.folder}.digests`, record)
    t.equal(await packages.present('tool'), null)
    t.ok(existsSync(path))
    t.same(await packages.fetch(['tool']), [tool])
    t.equal(readFileSync(path, 'utf8'), 'unpacked\n')
  }
})

t.test('without apt, without a mirror, without dpkg: not fit, with what to do, and nothing left', async t => {
  const cases = {
    'there is no apt-get': {},
    'E: Could not resolve': { 'apt-get': 'echo "E: Could not resolve the mirror" >&2; exit 100' },
    'there is no dpkg': { 'apt-get': aptGet('/dev/null').replaceAll('touch', 'exit') },
  }
  for (const [reason, scripts] of Object.entries(cases)) {
    await t.test(reason, async t => {
      const folder = t.testdir({})
      programs(t, folder, scripts, '')
      const failed = new Packages(join(folder, 'cache'), () => {}).fetch(['tool'])
      await t.rejects(failed, {
        code: 'NOT_FIT',
        exitCode: 3,
        facts: { problems: [new RegExp(reason), /install/, /--on host/] },
      })
      t.same(
        readdirSync(join(folder, 'cache')).filter(name => name !== '.apt'),
        [],
      )
    })
  }
})

t.test('a disk that is full is the cause that is told, whichever tool came upon it', async t => {
  const full = (tool: string): string =>
    `echo "${tool}: No space left on device" >&2; echo "${tool}: failed" >&2; exit 2`
  const cases = {
    apt: { 'apt-get': full('apt-get') },
    'its update': { 'apt-get': `case "$*" in *update*) ${full('apt-get')} ;; esac; echo "E: 404" >&2; exit 100` },
    dpkg: { 'apt-get': aptGet('/dev/null'), dpkg: full('tar') },
  }
  for (const [tool, scripts] of Object.entries(cases)) {
    await t.test(tool, async t => {
      const folder = t.testdir({})
      programs(t, folder, scripts)
      const cache = join(folder, 'cache')
      await t.rejects(new Packages(cache, () => {}).fetch(['tool']), {
        code: 'DISK_REFUSED',
        exitCode: 6,
        facts: { path: cache, reason: 'No space left on device', errno: 'ENOSPC' },
      })
      t.same(
        readdirSync(cache).filter(name => name !== '.apt'),
        [],
      )
    })
  }
})

t.test('modules of a newer Debian are unpacked', async t => {
  const folder = t.testdir({})
  const packed = '$3/usr/lib/modules/6.12/kernel'
  programs(t, folder, {
    'apt-get': aptGet('/dev/null'),
    dpkg: `mkdir -p "${packed}"; echo module > "${packed}/veth.ko"; xz "${packed}/veth.ko"`,
  })
  const [kernel] = await new Packages(join(folder, 'cache'), () => {}).fetch(['linux-image-6.12'])
  t.equal(readFileSync(join(kernel?.folder ?? '', 'usr/lib/modules/6.12/kernel/veth.ko'), 'utf8'), 'module\n')
})

t.test('what a fetch that was killed has left goes with the next one; what another still fetches stays', async t => {
  const folder = t.testdir({})
  programs(t, folder, { 'apt-get': aptGet('/dev/null'), dpkg })
  const cache = join(folder, 'cache')
  // A process of the kind that fetches, killed when apt has begun.
  const begun = join(folder, 'begun')
  const slow = join(folder, 'slow')
  mkdirSync(slow)
  writeFileSync(join(slow, 'apt-get'), `#!/bin/sh\necho half > half.deb; touch ${begun}; exec sleep 600\n`)
  chmodSync(join(slow, 'apt-get'), 0o755)
  const code = `import { Packages } from ${JSON.stringify(packagesPath)}
    await new Packages(${JSON.stringify(cache)}, () => {}).fetch(['tool'])`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    env: { ...process.env, PATH: [slow, process.env.PATH].join(delimiter) },
    detached: true,
    stdio: 'ignore',
  })
  while (!existsSync(begun) && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 10))
  const [left, ...others] = readdirSync(cache)
  t.match(left, /^\.part-/)
  t.same(others, [])
  const packages = new Packages(cache, () => {})
  await packages.fetch(['other'])
  t.ok(existsSync(join(cache, left as string)), 'its process lives')
  process.kill(-(child.pid as number), 'SIGKILL')
  await once(child, 'close')
  t.ok(existsSync(join(cache, left as string)))
  await packages.fetch(['tool'])
  t.same(
    readdirSync(cache).filter(name => name.startsWith('.part')),
    [],
  )
})
