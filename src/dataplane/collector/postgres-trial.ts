// A load that is stored at the start of a collector and not kept: rows as large as any that the kernel gives. Tables
// that somebody has changed, a permission that is missing, letters that the database has not are told of before
// anything is lost.

import { type CopyLoad, CopyPacker } from './copy-packer.ts'
import type { EventLine, SocketRow } from './types.ts'

const U32_MAX = 2 ** 32 - 1
const U64_MAX = String(2n ** 64n - 1n)

const socket: SocketRow = {
  cookie: U64_MAX,
  family: 6,
  state: 'ESTABLISHED',
  src: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  src_port: 65_535,
  dst: '255.255.255.255',
  dst_port: 65_535,
  inode: U32_MAX,
  uid: U32_MAX,
  cgroup_id: U64_MAX,
  receive_queue_bytes: U32_MAX,
  send_queue_bytes: U32_MAX,
  // TCP_CA_NAME_MAX less its zero.
  congestion: 'x'.repeat(15),
  tcp: {
    rtt_s: U32_MAX / 1e6,
    rtt_variance_s: U32_MAX / 1e6,
    congestion_window_count: U32_MAX,
    retransmits_count: U32_MAX,
    bytes_sent_bytes: Number.MAX_SAFE_INTEGER,
    bytes_received_bytes: Number.MAX_SAFE_INTEGER,
    memory_bytes: Number.MAX_SAFE_INTEGER,
  },
}

/** A name of 255 bytes, NAME_MAX, in letters that only Unicode has. */
const NAME = `/run/netns/${'☃'.repeat(85)}`

export function trialLoad(run: number, { at_s, mono_s }: Extract<EventLine, { is: 'start' }>): CopyLoad {
  const packer = new CopyPacker(run)
  const times = { at_s, mono_s }
  packer.addRows({ poll: 1, ...times, netns: U64_MAX, rows: [socket, { ...socket, congestion: null, tcp: null }] })
  packer.addLine({ is: 'netns', ...times, netns: U64_MAX, inode: U32_MAX, name: NAME, found_by: 'descriptor' })
  packer.addLine({ is: 'netns_gone', ...times, netns: U64_MAX })
  packer.addLine({
    ...{ is: 'poll', poll: 1, ...times, took_s: 0, first_of: U64_MAX, namespaces_count: 1, sockets_count: 2 },
    ...{ dropped_count: 0, repeated_count: 0, incomplete_count: 0 },
  })
  packer.addLine({ is: 'blind', ...times, unreadable_processes_count: 0, kinds: ['socket'] })
  packer.addLine({ is: 'stop', ...times, polls_count: 1 })
  const load = packer.take()
  if (load === null) throw new Error('an empty trial')
  return load
}
