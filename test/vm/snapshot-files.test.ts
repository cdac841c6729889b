// What was saved of a VM, on disk: found, doubted, given its name, thrown away.

import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  discardSnapshot,
  findSnapshot,
  pruneSnapshots,
  publishSnapshot,
  type Snapshot,
  touchSnapshot,
} from '../../src/vm/snapshot-files.ts'
import { asOther } from '../fixtures/as-other.ts'
import { scratchFolder } from '../fixtures/shell-guest.ts'

/** Writes at the file's middle, and puts its times back: damage that only its content shows. */
function spoil(path: string, at: number): void {
  const { atime, mtime } = statSync(path)
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.alloc(8, 0x5a), 0, 8, at)
  closeSync(fd)
  utimesSync(path, atime, mtime)
}

/** Something saved in a folder of this name, not published yet. */
function saved(root: string, name: string): Snapshot {
  const folder = join(root, name)
  mkdirSync(folder)
  const paths = {
    memoryPath: join(folder, 'memory'),
    statePath: join(folder, 'state'),
    consolePath: join(folder, 'console.log'),
  }
  writeFileSync(paths.consolePath, 'it booted\n')
  writeFileSync(paths.memoryPath, 'm'.repeat(1 << 20))
  writeFileSync(paths.statePath, name.repeat(100))
  return { key: 'f'.repeat(24), folder, ...paths }
}

t.test('what was written to since is thrown away, with the reason', async t => {
  const root = scratchFolder(t)
  const harms: readonly [(folder: string) => void, RegExp][] = [
    [at => appendFileSync(join(at, 'state'), 'x'), /size of its state/],
    [at => spoil(join(at, 'state'), 100), /(mtime_ns|sha256) of its state/],
    [at => utimesSync(join(at, 'state'), 1, 1), /mtime_ns of its state/],
    [at => truncateSync(join(at, 'memory'), 4096), /size of its memory/],
    [at => truncateSync(join(at, 'memory'), 0), /size of its memory/],
    [at => spoil(join(at, 'memory'), 0), /(mtime_ns|sha256) of its memory/],
    [at => rmSync(join(at, 'memory')), /can't be read: ENOENT/],
    [at => rmSync(join(at, 'console.log')), /can't be read: ENOENT/],
    [at => appendFileSync(join(at, 'console.log'), 'x'), /size of its console/],
    [at => rmSync(join(at, 'snapshot.json')), /can't be read: ENOENT/],
    [at => writeFileSync(join(at, 'snapshot.json'), '{"schema":"nslab.snapshot/2"'), /can't be read/],
    [at => writeFileSync(join(at, 'snapshot.json'), '{"schema":"nslab.snapshot/3","key":"x"}'), /something else/],
  ]
  for (const [harm, reason] of harms) {
    const { key, folder } = publishSnapshot(saved(root, '.part'), root)
    t.same(findSnapshot(root, key, why => t.fail(why))?.folder, folder)
    harm(folder)
    const reasons: string[] = []
    t.equal(
      findSnapshot(root, key, why => reasons.push(why)),
      null,
    )
    t.match(reasons, [reason])
    t.notOk(existsSync(folder))
  }
})

t.test('a change in one page of many that its times hide is found where pages are looked at', async t => {
  const root = scratchFolder(t)
  const { key, memoryPath } = publishSnapshot(saved(root, '.part'), root)
  const text = readFileSync(join(root, key, 'snapshot.json'), 'utf8')
  spoil(memoryPath, (1 << 20) - 100)
  // As if the clock had stood still.
  writeFileSync(
    join(root, key, 'snapshot.json'),
    text.replace(/"mtime_ns": "\d+"/, `"mtime_ns": "${statSync(memoryPath, { bigint: true }).mtimeNs}"`),
  )
  const reasons: string[] = []
  findSnapshot(root, key, why => reasons.push(why))
  t.match(reasons, [/sha256 of its memory/])
})

t.test('a runner that is killed while it saves leaves nothing that stays', async t => {
  const root = scratchFolder(t)
  // A pid that is nobody's: above pid_max.
  const left = join(root, `.part-${2 ** 22 + 1}-0000`)
  mkdirSync(left)
  const own = join(root, `.part-${process.pid}-0000`)
  mkdirSync(own)
  pruneSnapshots(root)
  t.same(readdirSync(root), [own.slice(root.length + 1)])
  pruneSnapshots(join(root, 'nowhere'))
})

t.test('of saved VMs, those used last stay', async t => {
  const root = scratchFolder(t)
  const names = Array.from({ length: 7 }, (_, index) => String(index).repeat(24))
  for (const [index, name] of names.entries()) {
    mkdirSync(join(root, name))
    utimesSync(join(root, name), 1000 + index, 1000 + index)
  }
  mkdirSync(join(root, 'something else'))
  pruneSnapshots(root)
  t.same(readdirSync(root).sort(), [...names.slice(3), 'something else'])
})

t.test('two that saved the same at once: the first stands', async t => {
  const root = scratchFolder(t)
  publishSnapshot(saved(root, '.one'), root)
  const published = publishSnapshot(saved(root, '.two'), root)
  t.same(readdirSync(root), ['f'.repeat(24)])
  t.match(readFileSync(published.statePath, 'utf8'), '.one')
  t.same(
    findSnapshot(root, published.key, reason => t.fail(reason)),
    published,
  )
  t.equal(
    findSnapshot(root, '0'.repeat(24), reason => t.fail(reason)),
    null,
  )
})

t.test("what is somebody else's is used and left: a clone's cache is its user's and root's", async t => {
  const root = scratchFolder(t)
  const snapshot = publishSnapshot(saved(root, '.part'), root)
  const left = join(root, `.part-${2 ** 22 + 1}-0000`)
  mkdirSync(left)
  writeFileSync(join(left, 'memory'), '')
  await asOther([root, snapshot.folder, left], () => {
    touchSnapshot(snapshot, new Date(0))
    pruneSnapshots(root)
    discardSnapshot(snapshot)
    t.same(
      findSnapshot(root, snapshot.key, reason => t.fail(reason)),
      snapshot,
    )
  })
  t.ok(existsSync(left))
  discardSnapshot(snapshot)
  t.doesNotThrow(() => touchSnapshot(snapshot, new Date()), 'nor is one that was removed meanwhile a bug')
})
