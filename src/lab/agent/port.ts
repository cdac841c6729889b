// The guest's end of a virtio-serial port as a stream. A port is a character device: libuv can't poll it, so one thread
// of its pool waits in read(2). Reading end-of-file means that nobody is at the host's end just now. Writes are made at
// once: the driver takes them without waiting while the runner reads, and where it doesn't there is nobody to serve.

import { close, existsSync, openSync, read, readdirSync, readFileSync, writeSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { NslabError } from '../../base/errors.ts'

/** The driver hands out at most a page a read, and takes 32 KiB a write. */
const READ_BYTES = 64 * 1024
const ABSENT_PAUSE_MS = 100

const PORTS = '/sys/class/virtio-ports'
const FIND_PAUSE_MS = 5

/** The device of the port with this name; ports appear some time after their driver. Throws NOT_FIT at the deadline. */
export async function findPort(name: string, deadlineMs: number, folder = PORTS): Promise<string> {
  for (let waitedMs = 0; ; waitedMs += FIND_PAUSE_MS) {
    const found = portsNow(folder).find(port => port.name === name)
    if (found !== undefined && existsSync(found.device)) return found.device
    if (waitedMs >= deadlineMs) {
      const seen = portsNow(folder).map(port => port.name)
      const problem = `no virtio-serial port ${name} after ${deadlineMs} ms; ports: ${seen.join(', ') || 'none'}`
      throw new NslabError('NOT_FIT', { problems: [problem] })
    }
    await new Promise(resolve => setTimeout(resolve, FIND_PAUSE_MS))
  }
}

function portsNow(folder: string): { readonly name: string; readonly device: string }[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap(entry => {
    try {
      return { name: readFileSync(`${folder}/${entry}/name`, 'utf8').trim(), device: `/dev/${entry}` }
    } catch {
      // It vanished, or has no name.
      return []
    }
  })
}

/** Opens a port, a pipe or any other file that is read and written in order. Ends only by destroy(). */
export class PortStream extends Duplex {
  readonly #fd: number
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES)

  constructor(device: string) {
    super({ readableHighWaterMark: READ_BYTES, writableHighWaterMark: READ_BYTES })
    this.#fd = openSync(device, 'r+')
  }

  override _read(): void {
    read(this.#fd, this.#buffer, 0, READ_BYTES, null, (error, size) => {
      if (this.destroyed) return
      if (error !== null) this.destroy(error)
      else if (size === 0) setTimeout(() => this._read(), ABSENT_PAUSE_MS)
      else this.push(Buffer.from(this.#buffer.subarray(0, size)))
    })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      for (let from = 0; from < chunk.length; ) from += writeSync(this.#fd, chunk, from)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    close(this.#fd, () => done(error))
  }
}
