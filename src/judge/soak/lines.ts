// Lines of a file of any size, one after the other, in bounded memory: a soak's files have some GB.

import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Parsed } from '../../protocol/line-shape.ts'
import type { Damage } from '../types.ts'

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a
/** A longer one is no line of a run: what was read of it would fill memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024
/** Of a file that is damaged throughout, the first ones say enough. */
const DAMAGES_MAX = 20

/** Whole lines of a file; `isLast` is one without a newline at its end. Throws what the file system throws. */
export function* rawLines(
  path: string,
  bytesMax = LINE_BYTES_MAX,
): Generator<{ readonly text: string; readonly isLast: boolean }> {
  const fd = openSync(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
      const length = readSync(fd, chunk, 0, CHUNK_BYTES, null)
      if (length === 0) break
      const bytes = rest.length === 0 ? chunk.subarray(0, length) : Buffer.concat([rest, chunk.subarray(0, length)])
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
        yield { text: bytes.toString('utf8', start, end), isLast: false }
        start = end + 1
      }
      rest = bytes.subarray(start)
      if (rest.length > bytesMax) throw new Error(`a line is longer than ${bytesMax} bytes`)
    }
    if (rest.length > 0) yield { text: rest.toString('utf8'), isLast: true }
  } finally {
    closeSync(fd)
  }
}

/** The lines of `file` in `folder` that are whole and of the right shape; the first others are entries in `damage`. */
export function* parsedLines<Line>(
  folder: string,
  file: string,
  parse: (text: string) => Parsed<Line>,
  damage: Damage[],
): Generator<Line> {
  let number = 0
  let damaged = 0
  const say = (entry: Omit<Damage, 'file'>): void => {
    if (++damaged <= DAMAGES_MAX) damage.push({ file, ...entry })
  }
  try {
    for (const { text, isLast } of rawLines(join(folder, file))) {
      number++
      const parsed = parse(text)
      if (parsed === null) continue
      if ('line' in parsed) yield parsed.line
      else if (isLast) say({ kind: 'cut', line: number, problem: 'the last line is incomplete' })
      else say({ kind: 'corrupt', line: number, problem: parsed.problem })
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') say({ kind: 'missing', problem: 'the run did not write it' })
    else say({ kind: 'corrupt', ...(number === 0 ? {} : { line: number + 1 }), problem: message })
  }
}
