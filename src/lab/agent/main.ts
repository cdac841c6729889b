// The agent as a program: on a guest's port, or, for those who try it without a VM, on an inherited socket.

import type { Duplex } from 'node:stream'
import { readOrNull } from '../../base/read-or-null.ts'
import { GUEST_CONFIG, GUEST_PORT, type GuestConfig } from '../../vm/guest-calls.ts'
import { Agent } from './agent.ts'
import { KernelLog } from './kernel-log.ts'
import { guestMachine, type Machine, ownMachine } from './machine.ts'
import { findPort, PortStream } from './port.ts'

export interface AgentProgramOptions {
  /** An inherited socket in place of the port: the machine is then somebody's own, and the socket's end is ours. */
  readonly fd?: number
  readonly folder?: string
}

const GUEST_FOLDER = '/run/nslab'
/** The driver makes its ports within milliseconds once its device is there; emulated and busy, within a second. */
const PORT_LIMIT_MS = 20_000
const HEARTBEAT_S = 1

/** Runs until its stream is closed; a guest's never is. */
export async function runAgent({ fd, folder = GUEST_FOLDER }: AgentProgramOptions): Promise<void> {
  const config = readConfig()
  const { stream, machine } = fd === undefined ? await ofGuest() : await ofSocket(fd)
  const agent = new Agent({
    stream,
    machine,
    // Of a machine that is somebody's own the kernel says what is nothing to a run.
    openKernelLog: fd === undefined ? openKernelLog : () => null,
    heartbeatS: config.heartbeat_s ?? HEARTBEAT_S,
    folder,
  })
  await agent.ended
}

interface Place {
  readonly stream: Duplex
  readonly machine: Machine
}

async function ofGuest(): Promise<Place> {
  const stream = new PortStream(await findPort(GUEST_PORT, PORT_LIMIT_MS))
  // A thread that waits in read(2) would be waited for: the guest would hang where it should power off.
  process.once('exit', () => process.kill(process.pid, 'SIGKILL'))
  return { stream, machine: guestMachine }
}

async function ofSocket(fd: number): Promise<Place> {
  const { Socket } = await import('node:net')
  return { stream: new Socket({ fd, readable: true, writable: true }), machine: ownMachine }
}

function readConfig(): GuestConfig {
  const text = readOrNull(`/sys/firmware/qemu_fw_cfg/by_name/${GUEST_CONFIG}/raw`)
  return text === null ? {} : (JSON.parse(text) as GuestConfig)
}

function openKernelLog(): KernelLog | null {
  try {
    return new KernelLog()
  } catch {
    return null
  }
}
