// What the sampler of a run sees of a machine and its processes at a moment.

/** A line of samples.ndjson. */
export interface Sample {
  /** Whose it is where the run had several kernels: "local", or a VM's name. */
  readonly site?: string
  readonly t_s: number
  readonly memory_available_bytes: number
  readonly memory_total_bytes: number
  readonly load_1m: number
  /** Pressure-stall averages over 10 s, percent of time; null where the kernel has none. */
  readonly pressure: { readonly cpu_some: number; readonly memory_some: number; readonly io_some: number } | null
  /**
   * Of all processors since boot: time that others had of them (steal), and all time. Null: the kernel does not say.
   */
  readonly cpu?: { readonly steal_s: number; readonly total_s: number } | null
  /**
   * Network namespaces that this kernel has, removed ones whose memory is still in use too; null: it may not be asked.
   */
  readonly kernel_namespaces_count?: number | null
  readonly processes: readonly {
    readonly name: string
    readonly pid: number
    readonly rss_bytes: number
    /**
     * Of its resident memory that which no file has: anonymous and shared memory. Pages of files come in as they are
     * first read, for hours, and the kernel takes them back as it likes. Left out where the kernel does not tell.
     */
    readonly own_bytes?: number
    readonly threads_count: number
    readonly descriptors_count: number
    readonly cpu_s: number
    /** Time that its threads were ready to run and had no processor, all together; of emulators (`emulator:VM`). */
    readonly waited_s?: number
  }[]
}
