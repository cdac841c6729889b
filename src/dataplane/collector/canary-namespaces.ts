// Canaries of namespaces: found late or never, made up, hidden from who looks, or in the way of who makes them.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NETNS_DIRECTORIES } from '../discovery/discovery.ts'
import type { CanaryHooks } from './canaries.ts'
import { passing } from './canary-sinks.ts'
import type { DiscoveryHandlers } from './parts.ts'
import type { Sink } from './types.ts'

export function missing(handlers: DiscoveryHandlers, of: number): DiscoveryHandlers {
  let count = 0
  const ignored = new Set<string>()
  return {
    ...handlers,
    onFound: found => {
      if (++count % of === 0) ignored.add(found.cookie)
      else handlers.onFound(found)
    },
    onGone: cookie => {
      if (!ignored.delete(cookie)) handlers.onGone(cookie)
    },
  }
}

export function late(handlers: DiscoveryHandlers, seconds: number): DiscoveryHandlers {
  const waiting = new Map<string, NodeJS.Timeout>()
  return {
    ...handlers,
    onFound: found => {
      const tell = (): void => {
        waiting.delete(found.cookie)
        handlers.onFound(found)
      }
      waiting.set(found.cookie, setTimeout(tell, seconds * 1000).unref())
    },
    onGone: cookie => {
      clearTimeout(waiting.get(cookie))
      if (!waiting.delete(cookie)) handlers.onGone(cookie)
    },
  }
}

/** Beyond every cookie that a kernel gives in its time. */
const NOBODYS = 2n ** 60n

export function ghostNamespaces(sink: Sink, seconds: number): Sink {
  let count = 0n
  setInterval(() => {
    const netns = String(NOBODYS + ++count)
    const mono_s = Number(process.hrtime.bigint()) / 1e9
    const at_s = Date.now() / 1e3
    sink.line({ is: 'netns', at_s, mono_s, netns, inode: Number(count), name: null, found_by: 'thread' })
  }, seconds * 1000).unref()
  return passing(sink, {})
}

/** It is polled all the same, and called gone again when it is. */
export function forgetful(sink: Sink, of: number): Sink {
  let count = 0
  return passing(sink, {
    line: line => {
      sink.line(line)
      if (line.is !== 'netns' || ++count % of !== 0) return
      const { at_s, mono_s, netns } = line
      sink.line({ is: 'netns_gone', at_s, mono_s, netns })
    },
  })
}

/** One namespace of so many is never called gone. */
export function unforgetting(sink: Sink, of: number): Sink {
  let count = 0
  return passing(sink, {
    line: line => {
      if (line.is !== 'netns_gone' || ++count % of !== 0) sink.line(line)
    },
  })
}

export const blindToSockets = (handlers: DiscoveryHandlers, unreadableCount: number): DiscoveryHandlers => {
  const hidden = new Set<string>()
  return {
    onFound: found => {
      if (found.foundBy === 'socket') hidden.add(found.cookie)
      else handlers.onFound(found)
    },
    onGone: cookie => {
      if (!hidden.delete(cookie)) handlers.onGone(cookie)
    },
    onBlind: ({ unreadableProcesses, unopened, unresolvedSockets, kinds, ...blind }) =>
      handlers.onBlind({
        ...blind,
        unreadableProcesses: unreadableProcesses + unreadableCount,
        unopened: unopened + unreadableCount,
        unresolvedSockets: unresolvedSockets + unreadableCount,
        kinds: [...new Set([...kinds, 'socket'])],
      }),
  }
}

/** What is there already stays as it is. */
export function takeNames(count: number): Partial<CanaryHooks> {
  const [folder] = NETNS_DIRECTORIES
  mkdirSync(folder as string, { recursive: true })
  for (let id = 1; id <= count; id++) {
    try {
      writeFileSync(join(folder as string, `churn${id}`), '', { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  return {}
}
