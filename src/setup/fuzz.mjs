// @ts-check
// `npm run fuzz [-- --runs N | --seconds N] [TARGET…]`: what the packet engine reads from others, under libFuzzer with
// AddressSanitizer and UndefinedBehaviorSanitizer. Ten million inputs, or so many seconds, over all targets; what was
// found interesting stays in native/build/fuzz and is where the next run starts. The last line is `N passed, N failed`;
// an input that breaks a target is kept beside, and named.

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { mustRun } from './child.mjs'
import { endWith, exitCode, inRoot, root, SetupError, say, step } from './root.mjs'
import { ensureSystem, fuzzNeeds, inPath } from './system.mjs'

const RUNS = 10_000_000
const targets = ['stream', 'ip', 'offload', 'commands', 'udp', 'lossless']
/** An input longer than some frames or commands finds nothing new. */
const INPUT_BYTES_MAX = 1024
const folder = inRoot('native/build/fuzz')

/** @param {string} text @param {string} name */
const countOf = (text, name) => {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1)
    throw new SetupError(exitCode.usage, `--${name} ${text}: a whole number from 1 is needed`)
  return count
}

/** Compiles where a source is newer. @param {string} target @returns {Promise<string>} the program */
const build = async target => {
  const native = inRoot('native')
  const unitsOf = (/** @type {string} */ folder) =>
    readdirSync(join(native, folder)).map(name => join(native, folder, name))
  const own = target === 'udp' ? ['datagram.h', 'datagram.cc', 'receiver.h', 'receiver.cc'] : []
  const units = [...unitsOf('engine/packets'), ...own.map(name => join(native, 'engine/udp', name))]
  if (target === 'lossless') units.push(...unitsOf('engine/lossless'), join(native, 'base/status.cc'))
  const sources = [join(native, `fuzz/${target}_fuzz.cc`), join(native, 'engine/handshake.cc'), ...units]
  const program = join(folder, `${target}_fuzz`)
  const age = (/** @type {string} */ path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (age(program) >= Math.max(...sources.map(age))) return program
  const sanitize = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all']
  const options = ['-std=gnu++20', '-O1', '-g1', '-w', '-pthread', ...sanitize, '-I', native, '-o', program]
  await step(`${target}_fuzz (clang++)`, () =>
    mustRun(`compiling ${target}_fuzz`, inPath('clang++') ?? 'clang++', [
      ...options,
      ...sources.filter(path => path.endsWith('.cc')),
    ]),
  )
  return program
}

/**
 * @param {string} target @param {string} program @param {string} limit libFuzzer's own option
 * @returns {Promise<{ passed: boolean, inputs: number }>}
 */
const fuzz = async (target, program, limit) => {
  const corpus = join(folder, 'corpus', target)
  mkdirSync(corpus, { recursive: true })
  const prefix = `-artifact_prefix=${join(folder, `${target}-`)}`
  const options = [limit, prefix, `-max_len=${INPUT_BYTES_MAX}`, '-print_final_stats=1', '-verbosity=1']
  const child = spawn(program, [...options, corpus], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] })
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.once(signal, () => child.kill(signal))
  let output = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', text => {
    output = (output + text).slice(-100_000)
  })
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(code ?? -1))
  })
  const inputs = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? 0)
  if (status !== 0) process.stdout.write(output.split('\n').slice(-80).join('\n'))
  return { passed: status === 0 && inputs > 0, inputs }
}

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
const main = async args => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { runs: { type: 'string' }, seconds: { type: 'string' } },
  })
  const unknown = positionals.find(name => !targets.includes(name))
  if (unknown !== undefined)
    throw new SetupError(exitCode.usage, `no target ${unknown}: there are ${targets.join(', ')}`)
  const chosen = positionals.length > 0 ? positionals : targets
  const share = (/** @type {number} */ count) => Math.ceil(count / chosen.length)
  const limit = values.seconds
    ? `-max_total_time=${share(countOf(values.seconds, 'seconds'))}`
    : `-runs=${share(values.runs ? countOf(values.runs, 'runs') : RUNS)}`
  await ensureSystem(fuzzNeeds)
  mkdirSync(folder, { recursive: true })
  let passed = 0
  let inputsCount = 0
  for (const target of chosen) {
    const result = await fuzz(target, await build(target), limit)
    say(`${target}: ${result.inputs.toLocaleString('en-US')} inputs, ${result.passed ? 'none broke it' : 'broken'}`)
    passed += Number(result.passed)
    inputsCount += result.inputs
  }
  say(`${inputsCount.toLocaleString('en-US')} inputs`)
  process.stdout.write(`${passed} passed, ${chosen.length - passed} failed\n`)
  return passed === chosen.length ? 0 : exitCode.failed
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  endWith(isUsage ? new SetupError(exitCode.usage, error.message) : error)
}
