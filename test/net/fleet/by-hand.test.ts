// Controller and fleets started by hand, as the published multi-host example does it: two files that both say
// 172.16.8.x, on one machine. Each test has a network namespace of its own, so that port 3000 is free.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import { launcher } from '../../fixtures/launch.ts'
import { cliPath } from '../../fixtures/nslab-process.ts'
import type { Teardown } from '../../fixtures/teardown.ts'

const published = (file: string) => fileURLToPath(new URL(`../../fixtures/nextmini/ns-public/${file}`, import.meta.url))

/** A program of nslab in the test's namespace. */
class Program {
  said = ''
  readonly ended: Promise<number | null>
  readonly #child: ReturnType<typeof spawn>
  #wake: () => void = () => {}

  constructor(netns: string, state: string, args: readonly string[]) {
    const command = ['--join-net', netns, '--', process.execPath, cliPath, ...args]
    this.#child = spawn(launcher, command, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NSLAB_STATE_DIR: state },
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text
      this.#wake()
    })
    this.ended = new Promise(resolve =>
      this.#child.once('close', code => {
        resolve(code)
        this.#wake()
      }),
    )
    this.ended.then(code => {
      this.said += `\nended with ${code}\n`
      this.#wake()
    })
  }

  /** Resolves with the place behind `words` that come after `from`; rejects when the program ends without. */
  async says(words: RegExp, from = 0): Promise<number> {
    for (;;) {
      const match = words.exec(this.said.slice(from))
      if (match !== null) return from + match.index + match[0].length
      if (/\nended with/.test(this.said)) throw new Error(`it never said ${words}: ${this.said}`)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

/** Starts programs that have loopback and state folder in common; they end with the test. */
async function bench(t: Teardown) {
  const netns = await native.Netns.create()
  const state = mkdtempSync(join(tmpdir(), 'nslab-by-hand-'))
  const programs: Program[] = []
  t.teardown(async () => {
    for (const program of programs) program.kill('SIGKILL')
    await Promise.all(programs.map(program => program.ended))
    netns.close()
    rmSync(state, { recursive: true })
  })
  const start = (...args: string[]): Program => {
    const program = new Program(`/proc/${process.pid}/fd/${netns.fd}`, state, args)
    programs.push(program)
    return program
  }
  return { start, state }
}

t.test('the published files of two VMs form one ring of ten, also after a fleet was killed and came back', async t => {
  const { start, state } = await bench(t)
  const controller = start('controller', '--config', published('controller-config.toml'))
  await controller.says(/listening/)
  const first = start('dataplane', '--config', published('VM1-config.toml'))
  await first.says(/fabric_ended/)
  const second = start('dataplane', '--config', published('VM2-config.toml'))
  const wired = await controller.says(/all_wired/)
  await first.says(/fleet_met .*first_id=6 last_id=10/)
  await second.says(/fleet_met .*first_id=1 last_id=5/)
  t.match(second.said, /controller_addr = "206.12.95.232:3000" is not dialled/)
  t.notMatch(`${controller.said}${first.said}${second.said}`, /refused|node_lost|error/)

  // It kept the meeting place: the other one takes it over, and finds it again there.
  first.kill('SIGKILL')
  await first.ended
  const again = start('dataplane', '--config', published('VM1-config.toml'))
  await again.says(/fleet_met .*first_id=6 last_id=10/)
  await controller.says(/all_wired/, wired)
  t.match(second.said, /fleet_parted .*first_id=1 last_id=5\n[\s\S]*fleet_met .*first_id=1 last_id=5/)
  t.notMatch(again.said, /refused|node_lost/)

  for (const program of [again, second, controller]) program.kill('SIGTERM')
  t.strictSame(await Promise.all([again.ended, second.ended, controller.ended]), [0, 0, 0])
  t.strictSame(readdirSync(state), [])
})

t.test('a fleet that overlaps another is refused before it makes anything, naming both', async t => {
  const { start } = await bench(t)
  await start('controller', '--config', published('controller-config.toml')).says(/listening/)
  const first = start('dataplane', '--config', published('VM1-config.toml'))
  await first.says(/fabric_ended/)
  const third = start('dataplane', '--config', published('VM2-config.toml'), '--node-id-offset', '4')
  t.equal(await third.ended, 2)
  t.match(third.said, /node_id_offset: its ids 5 to 9 meet ids 1 to 5 of fleet \S+:\d+:[0-9a-f]{8}/)
  t.notMatch(third.said, /fabric_started/)
  t.notMatch(first.said, /fleet_met|node_lost/)
})

t.test('fleets of different controllers have nothing to do with each other', async t => {
  const { start } = await bench(t)
  const first = start('dataplane', '127.0.0.1:3000', '--config', published('VM1-config.toml'))
  const other = start('dataplane', '127.0.0.1:3001', '--config', published('VM1-config.toml'))
  await Promise.all([first.says(/fabric_ended/), other.says(/fabric_ended/)])
  t.notMatch(`${first.said}${other.said}`, /fleet_met/)
})
