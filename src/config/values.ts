// Leaf values of the schema tables. Each carries its limit in words; the limit is what an error says.

import * as v from 'valibot'
import { parseIpv4 } from '../base/ipv4.ts'
import { INTERFACE_NAME_BYTES_MAX, NODE_ID_MAX, SHARD_ADDRESSES_COUNT } from '../base/limits.ts'
import { DURATION_LIMIT, DURATION_S_MAX, parseDuration, parseRate, parseSize } from './units.ts'

export const leaf = <T>(limit: string, ok: (value: unknown) => boolean) => v.custom<T>(ok, limit)

/** First bytes of "this network" and loopback, and of multicast. Source: RFC 6890, RFC 5771. */
const UNROUTED_BLOCKS: ReadonlySet<number> = new Set([0, 127, ...Array.from({ length: 16 }, (_, index) => 224 + index)])

export const isInt = (value: unknown): value is number => Number.isSafeInteger(value)

/** An integer from `min` to `max`. */
export const int = (min: number, max: number) =>
  leaf<number>(`an integer from ${min} to ${max}`, value => isInt(value) && value >= min && value <= max)

/** An integer of at least `min`. */
export const intFrom = (min: number) =>
  leaf<number>(`an integer of at least ${min}`, value => isInt(value) && value >= min)

/** A finite number above 0. */
export const positive = leaf<number>(
  'a number above 0',
  value => typeof value === 'number' && value > 0 && value < Infinity,
)

/** A number of things, or "max": as many as fit. */
export const countOrMax = leaf<number | 'max'>(
  'an integer from 1, or "max"',
  value => value === 'max' || (isInt(value) && value >= 1),
)

/** A share: 0.01 is one percent. */
export const ratio = leaf<number>(
  'a number from 0 to 1',
  value => typeof value === 'number' && value >= 0 && value <= 1,
)

export const flag = leaf<boolean>('true or false', value => typeof value === 'boolean')

/** Text of at most `max` characters without control characters. */
export const text = (max = 1000) =>
  leaf<string>(
    `text of at most ${max} characters without control characters`,
    value => typeof value === 'string' && value.length <= max && !/\p{Cc}/u.test(value),
  )

/** Of a file or folder. Nothing would be the folder that one is in. */
export const path = leaf<string>(
  'a path of 1 to 4096 characters without control characters',
  value => typeof value === 'string' && value !== '' && value.length <= 4096 && !/\p{Cc}/u.test(value),
)

/** One of the listed words. */
export const oneOf = <const T extends readonly string[]>(...words: T) =>
  leaf<T[number]>(`one of ${words.map(word => `"${word}"`).join(', ')}`, value => words.includes(value as string))

export const ipv4 = leaf<string>('an IPv4 address', value => typeof value === 'string' && parseIpv4(value) !== null)

/**
 * Gateway of the first shard: neither the first nor the last address of its /22 (facts/nextmini.md 3.1), of a range
 * whose addresses the kernel routes: not 0/8, 127/8, nor multicast.
 */
export const bridgeAddress = leaf<string>(
  'an IPv4 unicast address that is neither the first nor the last of its /22',
  value => {
    const address = typeof value === 'string' ? parseIpv4(value) : null
    if (address === null || UNROUTED_BLOCKS.has(address >>> 24)) return false
    const offset = address % SHARD_ADDRESSES_COUNT
    return offset !== 0 && offset !== SHARD_ADDRESSES_COUNT - 1
  },
)

/** A netmask: ones, then zeros, with room for at least two hosts. */
export const netMask = leaf<string>('an IPv4 netmask from 128.0.0.0 to 255.255.255.252', value => {
  const mask = typeof value === 'string' ? parseIpv4(value) : null
  if (mask === null) return false
  const hosts = 0xffff_ffff - mask
  return Number.isInteger(Math.log2(hosts + 1)) && hosts >= 3 && hosts < 0xffff_ffff
})

export const port = int(1, 65_535)

/** A port as the published files write some of them: text. An integer does as well. */
export const portText = leaf<string | number>('a port from 1 to 65535', value => {
  const number = typeof value === 'string' && /^[1-9][0-9]{0,4}$/.test(value) ? Number(value) : value
  return isInt(number) && number >= 1 && number <= 65_535
})

/** One kernel: several are a run each, which is the command line's. */
export const kernelName = leaf<string>(
  'a name, a release or a path of one kernel, without commas and spaces',
  value => typeof value === 'string' && /^[\w.+~:/@-]{1,4096}$/.test(value),
)

export const nodeId = int(1, NODE_ID_MAX)

/** A name the kernel takes for an interface. */
export const interfaceName = leaf<string>(
  `1 to ${INTERFACE_NAME_BYTES_MAX} bytes of printable ASCII without "/", ":" and spaces`,
  value =>
    typeof value === 'string' &&
    /^[!-~]+$/.test(value) &&
    !/[/:%]/.test(value) &&
    value !== '.' &&
    value !== '..' &&
    value.length <= INTERFACE_NAME_BYTES_MAX,
)

/** A scenario's name: it becomes part of a folder's name. */
export const scenarioName = leaf<string>(
  'at most 64 lower-case letters, digits and "-", starting with a letter',
  value => typeof value === 'string' && /^[a-z][a-z0-9-]{0,63}$/.test(value),
)

/** A duration; stays text here, see `secondsOf`. */
export const duration = leaf<string>(
  DURATION_LIMIT,
  value => typeof value === 'string' && (parseDuration(value) ?? Infinity) <= DURATION_S_MAX,
)

/** A size of memory or disk. */
export const size = leaf<string>(
  'a size above 0, such as "512 MiB"',
  value => typeof value === 'string' && (parseSize(value) ?? 0) > 0,
)

/** A rate; stays text here, see `rateOf`. */
export const rate = leaf<string>('a rate of at least a byte a second, such as "100mbit" or "125kbps"', value => {
  const bytes = typeof value === 'string' ? parseRate(value) : null
  return bytes !== null && bytes >= 1 && Number.isSafeInteger(bytes)
})

/** Bytes a second of a rate that was checked. */
export const rateOf = (checked: string): number => parseRate(checked) as number

/** Bytes of a size that was checked. */
export const bytesOf = (checked: string): number => parseSize(checked) as number

/** Seconds of a checked duration. */
export const secondsOf = (checked: string): number => parseDuration(checked) as number

/** A checked `portText` as a number. */
export const portOf = (checked: string | number): number => Number(checked)

export const isEdgePair = (value: unknown): value is [number, number] =>
  Array.isArray(value) &&
  value.length === 2 &&
  value.every(id => isInt(id) && id >= 1 && id <= NODE_ID_MAX) &&
  value[0] !== value[1]

/** A pair of different node ids. */
export const edge = leaf<[number, number]>(`two different node ids from 1 to ${NODE_ID_MAX}, as in [1, 2]`, isEdgePair)
