// A long soak on another machine: its closure copied there, the run started under systemd-run, watched, and its run
// folder fetched when it ends. Everything that is known of it lies on that machine, so this process may be lost at any
// time: the next call with the same words finds the soak and goes on with it.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { ended, RemoteHost, SSH_LOST } from './host.ts'
import type { CarriedImage } from './images.ts'
import {
  fetchedScript,
  fetchScript,
  followScript,
  probeScript,
  type Start,
  startScript,
  stopScript,
} from './scripts.ts'

export interface SoakRequest {
  readonly host: string
  /** Store path of nslab. */
  readonly closure: string
  readonly scenarioName: string
  readonly scenario: Start['scenario']
  /** The guest images that it needs there, in the Nix store here; asked for once the machine is known to be fit. */
  readonly imagesFor: (facts: { readonly hasKvm: boolean }) => Promise<readonly CarriedImage[]>
  /** Of nslab run, without the scenario and --out. */
  readonly words: readonly string[]
  /** How long a lost connection is tried again, ms. */
  readonly patienceMs: number
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  /** What the soak writes to its standard error, as it comes. */
  readonly onLog: (bytes: Buffer) => void
}

export interface FetchedSoak {
  /** The run's own. */
  readonly exitCode: number
  /** Where its run folder was there. */
  readonly runPath: string
  /** Here, to be moved or removed: `out` (what the run printed), `log`, and `run` where it made its folder. */
  readonly folder: string
}

/** What the other machine says of itself and of the soak. */
interface Probe {
  readonly facts: Readonly<Record<string, string>>
  readonly soak: 'none' | 'running' | 'ended' | 'lost'
}

/** Waits before another attempt to connect, in ms; the last one from then on. */
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000]

/** The unit of this soak: the same scenario and words are the same soak, from whichever state of nslab. */
export function unitOf({
  scenarioName,
  scenario,
  words,
}: Pick<SoakRequest, 'scenarioName' | 'scenario' | 'words'>): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([scenario, words]))
    .digest('hex')
    .slice(0, 8)
  return `nslab-${scenarioName.replaceAll(/[^A-Za-z0-9._-]+/g, '-')}-${digest}`
}

export class RemoteSoak {
  readonly unit: string
  readonly #request: SoakRequest
  readonly #host: RemoteHost
  /** Bytes of its log that were shown. */
  #shown = 0
  #started = false

  constructor(request: SoakRequest) {
    this.#request = request
    this.unit = unitOf(request)
    this.#host = new RemoteHost(request.host, request.signal)
  }

  /** Whether there is, or may be, a soak on the other machine that goes on without us. */
  get mayRun(): boolean {
    return this.#started
  }

  /** Whether somebody has read here why it did what it did. */
  get hasShownLog(): boolean {
    return this.#shown > 0
  }

  /**
   * Finds the soak or starts it, and stays with it to its end. Throws REMOTE_UNFIT, REMOTE_REFUSED or the signal's
   * reason.
   */
  async run(): Promise<void> {
    const { say, host } = this.#request
    const { facts, soak } = await this.#probe()
    if (soak === 'none') {
      this.#refuseUnfit(facts)
      const images = await this.#request.imagesFor({ hasKvm: facts.kvm === 'yes' })
      await this.#copy(images)
      await this.#start(images)
    } else {
      this.#started = true
      if (facts.closure !== this.#request.closure && facts.closure !== '')
        say(`it was started at ${facts.started} from another state of nslab: ${facts.closure}`)
      if (soak === 'running') say(`${this.unit} runs on ${host} since ${facts.started}: attached`)
      else say(`${this.unit} was started on ${host} at ${facts.started} and is over`)
    }
    if (soak === 'none' || soak === 'running') await this.#follow()
  }

  /** Ends the soak in order; it is judged and can be fetched as any other. */
  async stop(): Promise<void> {
    const { soak } = await this.#probe()
    if (soak === 'none')
      throw new NslabError('USAGE', {
        problem: `there is no soak ${this.unit} on ${this.#request.host}`,
        hint: 'Say the same scenario and options that it was started with.',
      })
    this.#started = true
    if (soak === 'running') await this.#must('stop', stopScript(this.unit))
  }

  async #probe(): Promise<Probe> {
    const { stdout, stderr, code } = await this.#host.run(probeScript(this.unit))
    const facts = Object.fromEntries(
      stdout.split('\n').flatMap(line => (line.includes('=') ? [line.split(/=(.*)/s, 2) as [string, string]] : [])),
    )
    const soak = facts.soak as Probe['soak'] | undefined
    if (code !== 0 || soak === undefined) throw this.#refused('sh', stderr || stdout)
    return { facts, soak }
  }

  #refuseUnfit(facts: Probe['facts']): void {
    const problems = [
      facts.system !== 'x86_64-Linux' && `it is ${facts.system}; nslab is built for x86_64-Linux`,
      facts['nix-store'] !== 'yes' && 'it has no nix-store on the PATH of `ssh HOST sh`: install Nix there',
      facts['systemd-run'] !== 'yes' &&
        'it does not run systemd, which keeps the soak alive without us: log in there, and run nslab under tmux or screen',
      facts.tar !== 'yes' && 'it has no tar, by which the run folder is fetched',
      facts.linger === 'no' &&
        `what ${facts.user} starts there ends when ${facts.user} logs out: sudo loginctl enable-linger ${facts.user}`,
    ].filter(problem => typeof problem === 'string')
    if (problems.length > 0) throw new NslabError('REMOTE_UNFIT', { host: this.#request.host, problems })
  }

  async #copy(images: readonly CarriedImage[]): Promise<void> {
    const { host, closure, signal, say } = this.#request
    const paths = [...new Set([closure, ...images.map(({ path }) => path)])]
    say(`copying ${paths.join(', ')} and what they need to ${host} …`)
    const words = ['--extra-experimental-features', 'nix-command', 'copy', '--substitute-on-destination']
    const child = spawn('nix', [...words, '--to', `ssh://${host}`, ...paths], {
      // Progress is the user's; standard output is the run's.
      stdio: ['inherit', 2, 2],
      signal,
    })
    const code = await ended(child)
    signal.throwIfAborted()
    if (code !== 0)
      throw this.#refused(
        'nix copy',
        `ended with ${code}`,
        'Its words are above. The user there has to be one of trusted-users (nix.conf), or the paths signed.',
      )
  }

  async #start(images: readonly CarriedImage[]): Promise<void> {
    const { closure, words, scenario, host, say } = this.#request
    // From here on it may have been started, whatever we hear of it.
    this.#started = true
    await this.#must('systemd-run', startScript({ unit: this.unit, closure, images, words, scenario }))
    say(`${this.unit} started on ${host}`)
  }

  /** Shows the log until the soak is over, over as many connections as that takes. */
  async #follow(): Promise<void> {
    const { signal, patienceMs, say, host, onLog } = this.#request
    let lostMs = 0
    for (let attempt = 0; ; attempt++) {
      const before = this.#shown
      const child = this.#host.open(followScript(this.unit, this.#shown))
      child.stdout?.on('data', (bytes: Buffer) => {
        this.#shown += bytes.length
        onLog(bytes)
      })
      const code = await ended(child)
      signal.throwIfAborted()
      if (code === 0) return
      if (code !== SSH_LOST && code !== null && code < 128) throw this.#refused('sh', `the log can't be read (${code})`)
      if (this.#shown > before) attempt = lostMs = 0
      const waitMs = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] as number
      if (lostMs + waitMs > patienceMs) throw this.#host.unreachable('the connection was lost and did not come back')
      say(`the connection to ${host} was lost, the soak goes on there; once more in ${waitMs / 1000} s`)
      lostMs += waitMs
      await this.#host.sleep(waitMs)
    }
  }

  /**
   * Takes what the soak left into a new folder inside `beside`. Throws REMOTE_REFUSED also where the soak ended
   * without its exit code, and says what is known.
   */
  async fetch(beside: string): Promise<FetchedSoak> {
    const { facts, soak } = await this.#probe()
    if (soak !== 'ended')
      throw this.#refused(
        this.unit,
        soak === 'lost' ? 'it is gone without an exit code: the machine restarted, or it was killed' : `it is ${soak}`,
        `What it left is there: ~/.local/state/nslab/remote/${this.unit}. Remove that folder, and the next call starts anew.`,
      )
    mkdirSync(beside, { recursive: true })
    const folder = mkdtempSync(join(beside, '.remote-'))
    try {
      await this.#unpack(folder)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
    return { exitCode: Number(facts.exit), runPath: `${facts.folder}/run`, folder }
  }

  async #unpack(folder: string): Promise<void> {
    const sending = this.#host.open(fetchScript(this.unit))
    const unpacking = spawn('tar', ['xzf', '-', '-C', folder, '--no-same-owner'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      signal: this.#request.signal,
    })
    const input = unpacking.stdin
    input.on('error', () => {})
    sending.stdout?.pipe(input)
    const codes = await Promise.all([ended(sending), ended(unpacking)])
    this.#request.signal.throwIfAborted()
    if (codes.some(code => code !== 0))
      throw this.#refused(
        'fetching the run folder',
        `ended with ${codes.join(' and ')}`,
        'Call again: it is still there.',
      )
  }

  /** From now on the same words start another soak. */
  async forget(): Promise<void> {
    await this.#must('touch', fetchedScript(this.unit))
  }

  async #must(operation: string, script: string): Promise<void> {
    const { code, stderr } = await this.#host.run(script)
    if (code !== 0) throw this.#refused(operation, stderr || `ended with ${code}`)
  }

  #refused(operation: string, reason: string, remedy = ''): NslabError {
    return new NslabError('REMOTE_REFUSED', {
      host: this.#request.host,
      operation,
      reason: reason.trim().split('\n').slice(-5).join('\n'),
      remedy,
    })
  }
}
