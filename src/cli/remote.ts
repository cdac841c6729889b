// nslab remote: a long soak on another machine, by ssh and Nix. `nix run .#remote -- HOST churn --duration 12h` starts
// it, finds it again, and ends with its verdict.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import { type LoadedScenario, scenarioNames } from '../config/load.ts'
import type { Scenario } from '../config/types.ts'
import { parseDuration } from '../config/units.ts'
import { refuseKernelOnHost } from '../lab/fitness/level.ts'
import { type CarriedImage, imagesToCarry } from '../lab/remote/images.ts'
import { RemoteSoak } from '../lab/remote/soak.ts'
import { adoptRunFolder } from '../lab/run-folder/run-folder.ts'
import { kernelFolder, severalKernels } from './run/kernels.ts'
import { hookSignals } from './run/run-signals.ts'
import { addScenarioOptions, loadWithOptions, type ScenarioOptions, wordsOf } from './run/scenario-options.ts'

/** How long a lost connection is tried again: a laptop's lid, a router's restart. */
const PATIENCE = '10m'

interface RemoteOptions extends ScenarioOptions {
  readonly closure?: string
  readonly patience: number
  readonly stop?: boolean
}

export function addRemoteCommand(program: Command): void {
  const command = program
    .command('remote')
    .summary('a long soak on another machine, by ssh and Nix')
    .description(
      'Copies this nslab to another machine (nix copy), starts a run there under systemd-run, shows what it says, and ' +
        'fetches its run folder when it ends; exits as the run does. The run needs neither this machine nor the ' +
        'connection: Ctrl-C leaves it running, and the same words find it again. --out names the folder here.',
    )
    .usage('<host> <scenario> [options]')
    .argument('[host]', 'as ssh knows it: name, user@name, or a Host of ~/.ssh/config')
    .argument('[scenario]', 'name under soak/scenarios, or a path here')
    .option('--closure <path>', 'nslab in the Nix store; the app `remote` of the flake says it')
    .addOption(
      new Option('--patience <time>', 'how long a lost connection is tried again')
        .argParser(parsePatience)
        .default(parsePatience(PATIENCE), PATIENCE),
    )
    .option('--stop', 'end the running soak in order, and fetch it')
  addScenarioOptions(command).action(async (host: string | undefined, name: string | undefined, o: RemoteOptions) => {
    process.exitCode = await remoteCommand(host, name, o)
  })
}

function parsePatience(text: string): number {
  const seconds = parseDuration(text)
  if (seconds === null) throw new InvalidArgumentError('a time such as 90s or 10m')
  return seconds * 1000
}

async function remoteCommand(
  host: string | undefined,
  name: string | undefined,
  given: RemoteOptions,
): Promise<number> {
  const { closure, patience, stop = false, ...options } = given
  const [where, what] = requireWords(host, name)
  if (closure === undefined)
    throw usage('nslab remote copies a build by Nix', 'Start it so: nix run .#remote -- HOST SCENARIO.')
  const kernels = severalKernels(options)
  requireThere(where, options, kernels ?? [options.kernel])
  // What the run would refuse there after minutes of copying is refused here.
  const runs = (kernels ?? [options.kernel]).map(kernel =>
    loadWithOptions(what, kernel === undefined ? options : { ...options, kernel }),
  )
  for (const { scenario } of runs) refuseKernelOnHost(scenario)
  const [loaded] = runs as [LoadedScenario]
  requireFree(options.out)
  const say = (line: string): void => void process.stderr.write(`nslab: ${line}\n`)
  const interrupt = hookSignals(signal => say(`${signal}: leaving`))
  const words = wordsOf(options)
  const soak = new RemoteSoak({
    host: where,
    closure,
    scenarioName: loaded.scenario.name,
    scenario: what === loaded.scenario.name ? { name: what } : { text: loaded.text },
    words,
    imagesFor: async ({ hasKvm }) => {
      const carry = { hasKvm, onStep: say, signal: interrupt.interrupted }
      const images: CarriedImage[] = []
      for (const { scenario } of runs) images.push(...(await imagesToCarry(scenario, carry)))
      return images
    },
    patienceMs: patience,
    signal: interrupt.interrupted,
    say,
    onLog: bytes => void process.stderr.write(bytes),
  })
  try {
    if (stop) await soak.stop()
    await soak.run()
    return await take(soak, { scenario: loaded.scenario, kernels, out: String(options.out ?? '') || undefined }, say)
  } catch (error) {
    const isOurs = interrupt.interrupted.aborted
    if (soak.mayRun) comeBack(say, where, soak.unit, [what, ...words])
    else if (isOurs) say('nothing was started there')
    if (isOurs) return ExitCode.interrupted
    throw error
  } finally {
    interrupt.unhook()
  }
}

interface Taking {
  readonly scenario: Scenario
  /** Null: it is one run; else a run folder each. */
  readonly kernels: readonly string[] | null
  readonly out: string | undefined
}

/** Fetches, gives the folder its place, and prints what the run printed. */
async function take(
  soak: RemoteSoak,
  { scenario, kernels, out }: Taking,
  say: (line: string) => void,
): Promise<number> {
  const base = 'runs'
  // Where the folder will be: a rename does not leave its file system.
  const { exitCode, runPath, folder } = await soak.fetch(out === undefined ? resolve(base) : dirname(resolve(out)))
  try {
    let printed = readFileSync(join(folder, 'out'), 'utf8')
    const run = join(folder, 'run')
    const made = (kernels ?? ['']).map(kernelFolder).filter(part => existsSync(join(run, part)))
    // What was refused before it had a folder said why in the log, maybe while nobody was attached.
    if (made.length < (kernels ?? ['']).length && !soak.hasShownLog)
      process.stderr.write(readFileSync(join(folder, 'log')))
    const latest = made.at(-1)
    if (latest !== undefined) {
      const name = kernels === null ? scenario.name : `${scenario.name}-kernels`
      const request = { base, scenario: name, seed: scenario.seed, out, clock: systemClock }
      const place = adoptRunFolder(run, request, latest)
      say(`run folder ${place}`)
      printed = printed.replaceAll(runPath, place)
    }
    await soak.forget()
    process.stdout.write(printed)
    return exitCode
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function comeBack(say: (line: string) => void, host: string, unit: string, words: readonly string[]): void {
  const line = [host, ...words].join(' ')
  say(`on ${host} the soak is ${unit}, and needs nobody:`)
  say(`  nix run .#remote -- ${line}         attaches to it, and fetches it when it is over`)
  say(`  nix run .#remote -- ${line} --stop  ends it in order`)
}

function requireWords(host: string | undefined, name: string | undefined): [string, string] {
  if (host !== undefined && name !== undefined) return [host, name]
  const hint = 'nix run .#remote -- HOST SCENARIO, for example: build-7 churn --duration 12h.'
  if (host === undefined) throw usage('which machine? A host that ssh knows comes first', hint)
  if (scenarioNames().includes(host)) throw usage(`"${host}" is a scenario, and the host comes first`, hint)
  throw usage(`which scenario shall run on ${host}?`, `${hint} Scenarios: ${scenarioNames().join(', ')}.`)
}

/** A path from here means nothing there. */
function requireThere(host: string, { image }: ScenarioOptions, kernels: readonly unknown[]): void {
  const paths = [...(image === undefined ? [] : [image]), ...kernels.filter(kernel => String(kernel).includes('/'))]
  const wrong = paths.find(path => !isAbsolute(String(path)))
  if (wrong === undefined) return
  throw usage(`${wrong} is a path from here, and the run is on ${host}`, `Say where it is on ${host}, from /.`)
}

/** The folder is taken in twelve hours; that it can't be is told now. */
function requireFree(out: string | boolean | undefined): void {
  if (typeof out !== 'string' || !existsSync(out) || readdirSync(out).length === 0) return
  throw usage(`--out ${out} is not an empty folder`, 'Name a folder that does not exist yet, or an empty one.')
}

const usage = (problem: string, hint: string): NslabError => new NslabError('USAGE', { problem, hint })
