// Where rows go, by what a user asked for.

import { fstatSync, statSync } from 'node:fs'
import { isatty } from 'node:tty'
import { NslabError } from '../../base/errors.ts'
import { FilePlace } from './file-place.ts'
import type { OutboxOptions, Place } from './outbox.ts'
import { PackedSink } from './packed-sink.ts'
import { StreamPlace } from './stream-place.ts'
import { type TextLoad, TextPacker } from './text-packer.ts'
import type { EventLine, Sink } from './types.ts'

export type SinkTarget =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string }

/** Throws USAGE. */
export function parseSink(text: string): SinkTarget {
  if (text === 'stdout' || text === '-') return { kind: 'stdout' }
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) }
  const url = /^(?:postgres:)?(postgres(?:ql)?:\/\/.*)$/.exec(text)?.[1]
  if (url !== undefined) return { kind: 'postgres', url }
  throw new NslabError('USAGE', {
    // A URL may hold a password.
    problem: `--sink ${text.replace(/:\/\/.*/, '://…')}: no such sink`,
    hint: 'One of stdout, file:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE.',
  })
}

export interface SinkOptions extends Omit<OutboxOptions, 'loadBytes' | 'lingerMs'> {
  readonly target: SinkTarget
  readonly runId: string | null
  readonly start: Extract<EventLine, { is: 'start' }>
}

/** How long a database may be away at the start. */
const CONNECT_DEADLINE_MS = 3_000

/** Opens a sink and begins it. Throws DISK_REFUSED, DATABASE_REFUSED, USAGE. */
export async function openSink(options: SinkOptions): Promise<Sink> {
  const { target, runId, start } = options
  const sink = await open(target, options, runId, start)
  sink.line(start)
  return sink
}

async function open(
  target: SinkTarget,
  options: SinkOptions,
  runId: string | null,
  start: SinkOptions['start'],
): Promise<Sink> {
  switch (target.kind) {
    case 'stdout': {
      const place = isFile(1) ? FilePlace.of(1, 'standard output') : new StreamPlace(process.stdout)
      return new PackedSink(new TextPacker(), place, options)
    }
    case 'file':
      return new PackedSink(new TextPacker(), await placeAt(target.path), options)
    case 'postgres': {
      // Loaded where a database is asked for.
      const [{ PostgresPlace }, { CopyPacker }] = await Promise.all([
        import('./postgres-place.ts'),
        import('./copy-packer.ts'),
      ])
      const place = await PostgresPlace.open({
        url: target.url,
        runId,
        connectDeadlineMs: CONNECT_DEADLINE_MS,
        start,
      })
      return new PackedSink(new CopyPacker(place.run), place, options)
    }
  }
}

/** What is written to a named pipe waits for its reader, as behind `|`: no thread may wait for that. */
async function placeAt(path: string): Promise<Place<TextLoad>> {
  const isPipe = statSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false
  return isPipe ? StreamPlace.openPipe(path) : FilePlace.open(path)
}

/** Behind `>`: it has no reader to wait for, and may be full. */
function isFile(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFile() || (stat.isCharacterDevice() && !isatty(fd))
}
