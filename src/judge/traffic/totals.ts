// Accounts of packets: whether one adds up.

import type { PacketTotals } from '../../protocol/traffic.ts'

/** Packets that are unaccounted for, and where, in words. */
export interface Discrepancy {
  readonly packets: number
  readonly text: string
}

export const sumOf = <T>(list: readonly T[], of: (each: T) => number): number =>
  list.reduce((sum, each) => sum + of(each), 0)

const droppedOf = ({ dropped }: PacketTotals): number => sumOf(Object.values(dropped), count => count)

/** What came in and was made, less what is known to have become of it. */
export const excessOf = (totals: PacketTotals): number =>
  totals.in_packets + totals.made_packets - totals.out_packets - droppedOf(totals) - totals.held_packets

export const accountText = (totals: PacketTotals): string =>
  `${totals.in_packets} in + ${totals.made_packets} made, ` +
  `${totals.out_packets} out + ${droppedOf(totals)} dropped + ${totals.held_packets} held`
