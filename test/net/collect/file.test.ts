// nslab collect into a file: appended to, in whole lines, and a disk that fills up is said, survived, and counted.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { askCollector } from '../../../src/dataplane/collector/control.ts'
import type { CollectedLine } from '../../../src/protocol/collected.ts'
import { Collecting, populate } from '../../fixtures/collecting.ts'
import { isApart } from '../../fixtures/netns-holder.ts'
import { cliPath } from '../../fixtures/nslab-process.ts'

/**
 * A collector into a disk of 2 MiB, nearly full: a line names what is removed there, another one ends it. Its file is
 * what is printed at last. The collector does not share the output: Node.js would make it one that does not wait for
 * its reader, and what is printed then ends where that is late.
 */
const onSmallDisk = `
  mount -t tmpfs -o size=2m tmpfs "$0" && cd "$0" && head -c 1900k /dev/zero > ballast || exit 1
  "$@" </dev/null >/dev/null & collector=$!
  read -r files && rm $files && read -r line
  kill -TERM $collector; wait $collector; code=$?
  cat rows; exit $code`

function smallDisk(t: Test): { child: ChildProcess; says: (text: RegExp) => Promise<void>; ended: Promise<Ended> } {
  const disk = join(t.testdir({}), 'disk')
  mkdirSync(disk)
  const collect = [process.execPath, cliPath, 'collect', '--sink', 'file:rows', '--interval', '20ms']
  const child = spawn('unshare', ['--mount', 'sh', '-c', onSmallDisk, disk, ...collect])
  t.teardown(() => child.kill('SIGKILL'))
  let [out, err] = ['', '']
  const looks = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', text => (out += text))
  child.stderr.setEncoding('utf8').on('data', text => {
    err += text
    for (const look of looks) look()
  })
  const ended = new Promise<Ended>(resolve => child.once('close', code => resolve({ code, out, err })))
  const says = (text: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => void (text.test(err) && resolve())
      looks.add(look)
      look()
      void ended.then(() => reject(new Error(err)))
    })
  return { child, says, ended }
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A collector whose disk filled up, and was freed of these files when it had said so. It ends well. */
async function filledAndFreed(t: Test, files: string): Promise<Ended> {
  await populate(t, 2000, 50)
  const { child, says, ended } = smallDisk(t)
  await says(/warning: cannot write rows: ENOSPC/)
  child.stdin?.write(`${files}\n`)
  await says(/takes rows again/)
  child.stdin?.end()
  const end = await ended
  t.equal(end.code, 0, end.err)
  return end
}

const linesOf = (text: string): CollectedLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

/** Polls that say another number of rows than there are. */
function unequal(lines: readonly CollectedLine[]): unknown[] {
  const rows = new Map<number, number>()
  for (const line of lines) if (line.is === 'socket') rows.set(line.poll, (rows.get(line.poll) ?? 0) + 1)
  return lines.filter(
    line => line.is === 'poll' && (rows.get(line.poll) ?? 0) !== line.sockets_count - line.dropped_count,
  )
}

function tests(): void {
  t.test('a second collector appends whole lines, also to half a one', async t => {
    await populate(t, 2000, 3)
    const path = join(t.testdir({}), 'rows')
    writeFileSync(path, '{"half":')
    for (const _ of [1, 2]) {
      const collecting = new Collecting(t, ['--sink', `file:${path}`, '--interval', '20ms'])
      await collecting.says(/collecting/)
      collecting.child.kill('SIGTERM')
      t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    }
    const [half, ...text] = readFileSync(path, 'utf8').trimEnd().split('\n')
    t.equal(half, '{"half":')
    const lines = linesOf(text.join('\n'))
    t.equal(lines.filter(({ is }) => is === 'start').length, 2)
    t.equal(lines.filter(({ is }) => is === 'stop').length, 2)
  })

  t.test('a named pipe has the pace of its reader; one that takes nothing keeps nobody from ending', async t => {
    await populate(t, 2000, 50)
    const path = join(t.testdir({}), 'pipe')
    execFileSync('mkfifo', [path])
    const args = ['--sink', `file:${path}`, '--interval', '20ms', '--buffer', '64KiB']
    const unread = new Collecting(t, args)
    t.same(await unread.ended, { code: 6, signal: null })
    t.match(unread.stderr, /cannot write .*pipe: ENXIO\n.*start its reader first/)

    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const control = join(t.testdirName, 'control')
    const collecting = new Collecting(t, [...args, '--control', control])
    await collecting.says(/collecting/)
    for (let waits = 0; waits < 65_536; ) {
      const answer = await askCollector(control, { do: 'status' })
      waits = answer.is === 'status' ? answer.status.pending_bytes : 0
    }
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 6, signal: null }, collecting.stderr)
    t.match(collecting.stderr, /rows in all were not stored\n.*pipe: its reader took nothing for 5 s\n.*have it read/)
    const first = Buffer.alloc(100)
    readSync(reader, first)
    t.match(first.toString(), /^\{"is":"start"/)

    const other = new Collecting(t, args)
    await other.says(/collecting/)
    closeSync(reader)
    t.same(await other.ended, { code: 0, signal: null }, other.stderr)
    t.match(other.stderr, /the reader of the output is gone \(EPIPE\)/)
  })

  t.test('a disk that fills up is said once, and has every row when it has room again', async t => {
    const { out, err } = await filledAndFreed(t, 'ballast')
    t.equal(err.match(/ENOSPC/g)?.length, 1)
    const lines = linesOf(out)
    t.same([lines[0]?.is, lines.at(-1)?.is], ['start', 'stop'])
    t.same(unequal(lines), [])
  })

  t.test('a disk is free again when the file that filled it is removed: a new one goes on, in whole lines', async t => {
    const { out } = await filledAndFreed(t, 'ballast rows')
    const lines = linesOf(out)
    t.equal(lines.at(-1)?.is, 'stop')
    t.ok(lines.some(({ is }) => is === 'socket'))
    t.ok(unequal(lines).length <= 1, 'of one poll, a part went with the file that was removed')
  })

  t.test(
    'a file that is renamed, as by logrotate, has all rows until then, and one of its name those since',
    async t => {
      await populate(t, 2000, 50)
      const path = join(t.testdir({}), 'rows')
      const collecting = new Collecting(t, ['--sink', `file:${path}`, '--interval', '20ms'])
      await collecting.says(/collecting/)
      const grows = async (): Promise<void> => {
        const isLarge = (): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 200_000
        for (let looks = 0; looks < 500 && !isLarge(); looks++) await sleep(20)
      }
      await grows()
      renameSync(path, `${path}.1`)
      await grows()
      collecting.child.kill('SIGTERM')
      t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
      const [before, since] = [`${path}.1`, path].map(file => linesOf(readFileSync(file, 'utf8')))
      const lines = [...(before ?? []), ...(since ?? [])]
      t.same([before?.[0]?.is, since?.at(-1)?.is], ['start', 'stop'])
      t.same(unequal(lines), [])
    },
  )

  t.test('a disk that stays full ends a collector with its error and the number of rows that are missing', async t => {
    await populate(t, 2000, 50)
    const { child, says, ended } = smallDisk(t)
    await says(/warning: cannot write rows: ENOSPC/)
    child.stdin?.end()
    const { code, err } = await ended
    t.equal(code, 6, err)
    t.match(err, /[1-9]\d* rows in all were not stored/)
    t.match(err, /error: cannot write rows: ENOSPC/)
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
