// @ts-check
// Running without root: a program is started through the launcher in a user namespace where it is root. A threaded
// process (Node.js is one) can't enter a user namespace itself.

import { constants } from 'node:os'
import { runTool } from './child.mjs'
import { exitCode, inRoot, readText, SetupError } from './root.mjs'

/** Whether kernel objects can be made by this process as it is. */
export const isRoot = () => process.geteuid?.() === 0

/** Reasons why the kernel refuses user namespaces: the file, what it says then, and what to set. */
const REFUSALS = [
  { path: '/proc/sys/kernel/unprivileged_userns_clone', refusing: '0', remedy: 'kernel.unprivileged_userns_clone=1' },
  {
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    refusing: '1',
    remedy: 'kernel.apparmor_restrict_unprivileged_userns=0',
  },
  { path: '/proc/sys/user/max_user_namespaces', refusing: '0', remedy: 'user.max_user_namespaces=10000' },
]

/**
 * The way back to a network namespace that another user namespace owns is closed (setns: EPERM), so a run gets its own.
 */
const OPTIONS = ['--user', '--net']

/** What runs in our place ends with us: who kills this process means the run. */
const withUs = () => ['--parent-death', String(constants.signals.SIGKILL), String(process.pid)]

/**
 * The command line that runs `command` as root of a user namespace, in a network namespace that belongs to it.
 * @param {readonly string[]} command @returns {Promise<readonly [string, readonly string[]]>}
 * @throws {SetupError} 3 where user namespaces are refused, naming what to set
 */
export const inUserNamespace = async command => {
  const launcher = inRoot('native/build/Release/nslab-launch')
  const probe = await runTool(launcher, [...OPTIONS, '--', 'true'])
  if (probe.status === 0) return [launcher, [...withUs(), ...OPTIONS, '--', ...command]]
  const refusals = REFUSALS.filter(({ path, refusing }) => readText(path)?.trim() === refusing)
  const remedies = (refusals.length > 0 ? refusals : REFUSALS).map(({ remedy }) => `  sysctl -w ${remedy}`).join('\n')
  throw new SetupError(
    exitCode.notFit,
    `without root a user namespace is needed, and the kernel refuses it: ${probe.output.trim()}\n` +
      `Run as root, or let root allow it, as far as the keys exist here:\n${remedies}`,
  )
}

/** What a program finds in its environment when it runs in such a namespace. */
export const rootlessEnv = () => ({ ...process.env, NSLAB_ROOTLESS: '1' })

/** What a run without root has to do with, as lines to read. */
export const rootlessLimits = () => {
  const openFiles = /^Max open files +\S+ +(\S+)/m.exec(readText('/proc/self/limits') ?? '')?.[1] ?? 'unknown'
  const namespaces = readText('/proc/sys/user/max_net_namespaces')?.trim() ?? 'unknown'
  return [
    'without root this runs in a user namespace, where these limits apply:',
    `  open files: ${openFiles} at most (about 5 a node)`,
    `  network namespaces: ${namespaces} at most (user.max_net_namespaces)`,
    "  neighbour tables: the machine's limits can't be raised",
    "  network: the machine's own is out of reach, and so is a database on it",
  ]
}
