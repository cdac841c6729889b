// What keeps sockets from being seen, told to the user once, until it is over: it may be so of thousands of namespaces,
// in every poll.

/** A namespace that discovery can't open, or the poller; a dump that was not whole. */
export type Trouble = 'unopened' | 'unpolled' | 'incomplete'

export class Troubles {
  readonly #tell: (message: string) => void
  readonly #told = new Set<Trouble>()

  constructor(tell: (message: string) => void) {
    this.#tell = tell
  }

  /** `reason`: an errno name, or words. */
  begin(trouble: Trouble, what: string, reason: string): void {
    if (this.#told.has(trouble)) return
    this.#told.add(trouble)
    const remedy = remedies.find(([errno]) => new RegExp(`\\b${errno}\\b`).test(reason))?.[1]
    this.#tell(`${what}: ${reason}${remedy === undefined ? '' : `; ${remedy}`}`)
  }

  end(trouble: Trouble): void {
    this.#told.delete(trouble)
  }
}

/** What a user can do about it, where the reason alone tells. */
const remedies = [
  ['EMFILE', 'raise the limit on open files (ulimit -Hn): each namespace takes two'],
  ['ENFILE', 'the machine is out of open files (fs.file-max)'],
  ['ENOENT', 'the kernel lists no TCP sockets without its module tcp_diag (modprobe tcp_diag)'],
] as const
