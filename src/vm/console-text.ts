// What a guest's console said, read from the file that QEMU writes it to, and what it means.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/** Room for a panic with the stacks of several processors. */
const TAIL_BYTES = 64 * 1024

/** The end of the file's text from byte `from` on; empty where it can't be read. */
export function consoleTail(path: string, from = 0, bytesMax = TAIL_BYTES): string {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(fd)
    const start = Math.max(from, size - bytesMax)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, start))
  } finally {
    closeSync(fd)
  }
}

/** Lines without the terminal's control sequences and without empty ones. */
export function consoleLines(text: string): string[] {
  return stripVTControlCharacters(text)
    .split(/\r?\n|\r/)
    .map(line => line.trimEnd())
    .filter(line => line !== '')
}

/** The kernel's reason of a panic; null where it did not panic. */
export function panicReason(text: string): string | null {
  return /Kernel panic - not syncing: (.*)/.exec(text)?.[1]?.trim() ?? null
}

/**
 * What the kernel said when it had no memory left; null where it did not. With vm.panic_on_oom it panics, else it kills
 * a process; early at boot it finds itself deadlocked.
 */
export function memoryShortage(text: string): string | null {
  const words = /Out of memory: [^\n\r]*|System is deadlocked on memory/.exec(text)
  return words === null ? null : words[0].trim()
}

/** Of a panic's text: registers, the code at hand and brackets around a stack, which tell nobody what happened. */
const REGISTERS =
  /^(\[ *\d+\.\d+\] +)?(Code: |RIP: 0033:|RSP: |R(AX|DX|BP|10|13): |FS: |CS: |CR\d|DR\d|Kernel Offset: |<\/?TASK>)/

/** What a message shows of a console's lines: the start of a panic, which says why, or else the last. */
export function tellingLines(lines: readonly string[], linesMax: number): string[] {
  const telling = lines.filter(line => !REGISTERS.test(line))
  const panic = telling.findIndex(line => panicReason(line) !== null)
  return panic < 0 ? telling.slice(-linesMax) : telling.slice(panic, panic + linesMax)
}
