// Lines out of what a process writes, as it comes.

import type { Readable } from 'node:stream'

/** A line longer than this is cut: what has no end would take all memory. */
const LINE_CHARS_MAX = 1024 * 1024

/** Hands every line of `stream` to `onLine`; the last one also without a line feed, and then it is not `isWhole`. */
export function readLines(stream: Readable, onLine: (line: string, isWhole: boolean) => void): void {
  let pieces: string[] = []
  let length = 0
  const flush = (end: string, isWhole = true): void => {
    const line = pieces.length === 0 ? end : pieces.join('') + end
    pieces = []
    length = 0
    onLine(line, isWhole)
  }
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    let from = 0
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      flush(chunk.slice(from, at))
      from = at + 1
    }
    if (from === chunk.length) return
    pieces.push(chunk.slice(from))
    length += chunk.length - from
    if (length > LINE_CHARS_MAX) flush('')
  })
  stream.on('end', () => {
    if (length > 0) flush('', false)
  })
  stream.on('error', () => {})
}
