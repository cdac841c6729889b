// A root file system as data: every path once, with what stands there. Nothing is read or written here.

import { dirname, normalize } from 'node:path/posix'

export type Content =
  | { readonly kind: 'folder' }
  /** Bytes of a file of this machine; `make` says where they come from when they are not the file's own. */
  | { readonly kind: 'file'; readonly source: string; readonly executable: boolean }
  | { readonly kind: 'text'; readonly text: string; readonly executable: boolean }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'device'; readonly major: number; readonly minor: number }

export interface Entry {
  /** Without a leading slash. */
  readonly path: string
  readonly content: Content
}

/** These folders are links into /usr, as on every Debian: one place for a file, whichever name asks for it. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64']

export class Tree {
  readonly #entries = new Map<string, Content>()

  constructor() {
    for (const name of MERGED) {
      this.folder(`usr/${name}`)
      this.link(name, `usr/${name}`)
    }
  }

  folder(path: string): void {
    this.#put(path, { kind: 'folder' })
  }

  file(path: string, source: string, executable = false): void {
    this.#put(path, { kind: 'file', source, executable })
  }

  text(path: string, text: string, executable = false): void {
    this.#put(path, { kind: 'text', text, executable })
  }

  link(path: string, target: string): void {
    this.#put(path, { kind: 'link', target })
  }

  /** A character device. */
  device(path: string, major: number, minor: number): void {
    this.#put(path, { kind: 'device', major, minor })
  }

  has(path: string): boolean {
    return this.#entries.has(placeOf(path))
  }

  /** Sorted by the bytes of their paths, so folders come before what is in them. */
  entries(): Entry[] {
    return [...this.#entries]
      .map(([path, content]) => ({ path, content, bytes: Buffer.from(path) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ path, content }) => ({ path, content }))
  }

  /** The later of two for one path stands; a folder stays one. */
  #put(path: string, content: Content): void {
    const place = placeOf(path)
    const parent = dirname(place)
    if (parent !== '.' && this.#entries.get(parent)?.kind !== 'folder') this.#put(parent, { kind: 'folder' })
    const present = this.#entries.get(place)
    if (present?.kind === 'folder' && content.kind !== 'folder') {
      throw new Error(`/${place} is a folder of the image, and should be a ${content.kind}`)
    }
    this.#entries.set(place, content)
  }
}

/** Where a path really stands: without the leading slash, and in /usr where the top folder is a link. */
function placeOf(path: string): string {
  const plain = normalize(path).replace(/^\/+|\/+$/g, '')
  const top = plain.split('/')[0] ?? ''
  return plain !== top && MERGED.includes(top) ? `usr/${plain}` : plain
}
