// @ts-check
// What has to be on the machine: found in PATH; as root on Debian installed by apt after saying so, else named.

import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { mustRun, runTool } from './child.mjs'
import { exitCode, SetupError, say, step } from './root.mjs'

/** @typedef {{ name: string, why: string, packages: readonly string[], isThere: () => boolean }} Need */

/** @param {string} name @returns {string | undefined} where an executable of this name is; sbin folders count too */
export const inPath = name =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .filter(folder => folder !== '')
    .map(folder => join(folder, name))
    .find(path => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** @param {...string} names */
const anyInPath = (...names) => names.some(name => inPath(name) !== undefined)

/** @returns {boolean} whether a PostgreSQL server is installed, in PATH or where Debian keeps it out of PATH */
const hasPostgres = () => {
  if (anyInPath('postgres')) return true
  const folder = '/usr/lib/postgresql'
  return existsSync(folder) && readdirSync(folder).some(version => existsSync(join(folder, version, 'bin/postgres')))
}

/** For building the addon. @type {readonly Need[]} */
export const buildNeeds = [
  { name: 'g++', why: 'compiles the addon', packages: ['g++'], isThere: () => anyInPath('g++', 'c++') },
  { name: 'make', why: 'builds the addon', packages: ['make'], isThere: () => anyInPath('make') },
  { name: 'python3', why: 'runs node-gyp', packages: ['python3'], isThere: () => anyInPath('python3') },
]

/** For microVMs. @type {readonly Need[]} */
export const vmNeeds = [
  {
    name: 'qemu-system-x86_64',
    why: 'runs microVMs',
    packages: ['qemu-system-x86'],
    isThere: () => anyInPath('qemu-system-x86_64'),
  },
]

/** Where the loader looks for libraries on Debian, and what it is told of others. */
const libraryFolders = () => [
  ...(process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(folder => folder !== ''),
  ...['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'],
]

/** For lossless transfers with forward error correction. @type {readonly Need[]} */
export const parityNeeds = [
  {
    name: 'libisal.so.2',
    why: 'makes and uses parity symbols',
    packages: ['libisal2'],
    isThere: () => libraryFolders().some(folder => existsSync(join(folder, 'libisal.so.2'))),
  },
]

/** For the tests, beside those. @type {readonly Need[]} */
export const testNeeds = [
  ...vmNeeds,
  ...parityNeeds,
  { name: 'ip', why: 'reads back what was made', packages: ['iproute2'], isThere: () => anyInPath('ip') },
  { name: 'ping', why: 'asks over TUN interfaces', packages: ['iputils-ping'], isThere: () => anyInPath('ping') },
  { name: 'setpriv', why: 'runs without root', packages: ['util-linux'], isThere: () => anyInPath('setpriv') },
  {
    name: 'postgres',
    why: 'the store under test',
    packages: ['postgresql-common', 'postgresql'],
    isThere: hasPostgres,
  },
  { name: 'chromium', why: 'opens the report', packages: ['chromium'], isThere: () => anyInPath('chromium') },
  { name: 'nix', why: 'evaluates the flake', packages: ['nix-bin'], isThere: () => anyInPath('nix-instantiate') },
]

/** For `npm run fuzz`. @type {readonly Need[]} */
export const fuzzNeeds = [
  {
    name: 'clang++',
    why: 'has libFuzzer',
    packages: ['clang', 'libclang-rt-dev'],
    isThere: () => anyInPath('clang++'),
  },
]

/** What decides whether this may install: tests give their own. */
const thisMachine = () => ({
  isRoot: process.geteuid?.() === 0,
  isDebian: existsSync('/etc/debian_version') && anyInPath('apt-get'),
  createClusterConf: '/etc/postgresql-common/createcluster.conf',
})

/**
 * Makes sure of every need.
 * @param {readonly Need[]} needs @param {ReturnType<typeof thisMachine>} [machine]
 * @throws {SetupError} 3 where something is missing and may not be installed, with nothing changed
 */
export const ensureSystem = async (needs, machine = thisMachine()) => {
  const missing = needs.filter(need => !need.isThere())
  if (missing.length === 0) return
  const packages = missing.flatMap(need => need.packages)
  const list = missing.map(need => `${need.name} (${need.why})`).join(', ')
  if (!machine.isRoot || !machine.isDebian) {
    const how = machine.isDebian
      ? 'run as root:'
      : 'install the like of these, which are the names and commands of Debian:'
    const commands = commandsFor(packages, machine.createClusterConf).map(command => `  ${command}`)
    throw new SetupError(
      exitCode.notFit,
      `missing: ${list}\nNothing was changed. To go on, ${how}\n${commands.join('\n')}`,
    )
  }
  say(`missing: ${list}`)
  say(`will be installed by apt: ${packages.join(' ')}`)
  await step('apt-get install', () => aptInstall(packages, machine.createClusterConf))
  const still = missing.filter(need => !need.isThere())
  if (still.length > 0)
    throw new SetupError(exitCode.notFit, `still missing: ${still.map(need => need.name).join(', ')}`)
}

const INSTALL = ['install', '-y', '--no-install-recommends']

/**
 * What to type for what `aptInstall` does.
 * @param {readonly string[]} packages @param {string} createClusterConf
 */
const commandsFor = (packages, createClusterConf) => {
  const install = (/** @type {readonly string[]} */ names) => ['apt-get', ...INSTALL, ...names].join(' ')
  if (!packages.includes('postgresql')) return [install(packages)]
  const setting = `sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' ${createClusterConf}`
  return [install(['postgresql-common']), setting, install(packages)]
}

/** @param {readonly string[]} packages @param {string} createClusterConf */
const aptInstall = async (packages, createClusterConf) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = (/** @type {readonly string[]} */ names) =>
    mustRun('apt-get install', 'apt-get', [...INSTALL, ...names], { env })
  // Package lists may be absent or old, which only trying tells.
  if ((await runTool('apt-get', ['--simulate', ...INSTALL, ...packages], { env })).status !== 0) {
    await mustRun('apt-get update', 'apt-get', ['update'], { env })
  }
  if (packages.includes('postgresql')) {
    await install(['postgresql-common'])
    keepClustersAway(createClusterConf)
  }
  await install(packages)
}

/**
 * Debian makes and starts a database cluster when a server is installed; only its programs are wanted here.
 * @param {string} path
 */
const keepClustersAway = path => {
  say(`${path}: create_main_cluster = false, so that no database is started on this machine`)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/^#?\s*create_main_cluster\s*=.*$/m, 'create_main_cluster = false'))
}
