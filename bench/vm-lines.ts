// What joins two VMs in bench/vm-net: the segments that ship, and the floors that they are held against.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Segment } from '../src/vm/segment.ts'
import type { VmSegment } from '../src/vm/segment-types.ts'
import { TapSegment } from '../src/vm/tap-segment.ts'
import { bootOn, type SegmentGuest, theQemu } from './vm-guests.ts'

const launcher = fileURLToPath(new URL('../native/build/Release/nslab-launch', import.meta.url))

/** Two VMs that can reach each other. */
export interface Line {
  readonly guests: readonly [SegmentGuest, SegmentGuest]
  close(): Promise<void>
}

/** Opens a line in an empty folder, all of it with one MTU. */
export type OpenLine = (folder: string, mtu: number) => Promise<Line>

type SegmentKind = Pick<VmSegment, 'plug' | 'close'>

async function onSegment(segment: SegmentKind, folder: string): Promise<Line> {
  const boots = ['vm1', 'vm2'].map((name, i) => bootOn(segment, name, i + 1, folder))
  const guests = (await Promise.all(boots)) as [SegmentGuest, SegmentGuest]
  return { guests, close: () => closed(guests, () => segment.close()) }
}

async function closed(guests: readonly SegmentGuest[], close: () => Promise<void>): Promise<void> {
  await Promise.all(guests.map(guest => guest.kill()))
  await close()
}

export const openSwitch: OpenLine = (folder, mtu) => onSegment(new Segment({ name: 'bench', seed: 1, mtu }), folder)

export const openTap: OpenLine = async (folder, mtu) => onSegment(await TapSegment.make('bench', { mtu }), folder)

/** The runner gives its NIC a stream, and QEMU is told of another back end. */
const unused = (mtu: number): SegmentKind => ({
  plug: async () => ({ to: 'stream', mtu, connect: () => {}, release: () => {} }),
  close: async () => {},
})

/** A program that starts QEMU with another back end for its NIC, by way of `words` before it. */
async function qemuWith(folder: string, name: string, backEnd: string, words: readonly string[]): Promise<string> {
  const path = join(folder, `qemu-${name}`)
  const { path: qemu } = await theQemu()
  const script = `#!/bin/sh
for word; do
  case $word in stream,id=nic0,*) word='${backEnd}' ;; esac
  shift
  set -- "$@" "$word"
done
exec ${[...words, qemu].map(word => `'${word}'`).join(' ')} "$@"
`
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

/** The floor of the switch: QEMU's own stream from the one VM to the other, with nobody between. */
export const openWire: OpenLine = async (folder, mtu) => {
  const socket = join(folder, 'wire')
  const backEnd = (server: 'on' | 'off') => `stream,id=nic0,server=${server},addr.type=unix,addr.path=${socket}`
  const boot = async (number: number): Promise<SegmentGuest> => {
    const name = `vm${number}`
    // The one listens, the other must find it listening.
    while (number === 2 && !existsSync(socket)) await wait(10)
    const program = await qemuWith(folder, name, backEnd(number === 1 ? 'on' : 'off'), [])
    return bootOn(unused(mtu), name, number, folder, program)
  }
  const guests = await Promise.all([boot(1), boot(2)])
  return { guests, close: () => closed(guests, async () => {}) }
}

const makeBridge = (mtu: number): string => `set -e
ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
for link in vm1 vm2; do ip tuntap add $link mode tap vnet_hdr; ip link set $link mtu ${mtu} master br0 up; done
ip link set br0 up
echo made; exec cat`

/** The floor of tap segments: tap devices and a bridge made by hand, and each QEMU inside their namespace. */
export const openHandMadeTap: OpenLine = async (folder, mtu) => {
  const own = process.getuid?.() === 0 ? [] : ['--user']
  const keeper = spawn(launcher, [...own, '--net', '--', 'sh', '-c', makeBridge(mtu)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(keeper.stdout, 'data')
  const place = `/proc/${keeper.pid}/ns`
  const words = [
    launcher,
    ...(own.length > 0 ? ['--join-user', `${place}/user`] : []),
    '--join-net',
    `${place}/net`,
    '--',
  ]
  const boots = [1, 2].map(async number => {
    const backEnd = `tap,id=nic0,ifname=vm${number},script=no,downscript=no,vnet_hdr=on`
    return bootOn(unused(mtu), `vm${number}`, number, folder, await qemuWith(folder, `vm${number}`, backEnd, words))
  })
  const guests = (await Promise.all(boots)) as [SegmentGuest, SegmentGuest]
  return { guests, close: () => closed(guests, () => ended(keeper)) }
}

async function ended(keeper: ChildProcess): Promise<void> {
  const exit = once(keeper, 'exit')
  keeper.stdin?.end()
  await exit
}
