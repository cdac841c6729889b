// Log lines for people, on standard error. Used by src/cli alone: library code throws or calls back instead.

export const logLevels = ['error', 'warning', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

/** Where lines go; process.stderr is one. */
export interface LogSink {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Terminal colours (ECMA-48 SGR): red, yellow, none, grey. */
const COLOURS: Readonly<Record<LogLevel, string>> = { error: '31', warning: '33', info: '', debug: '90' }

/**
 * Writes a line for each message up to `level`: `nslab: text`, or `nslab: level: text` where the level is not `info`.
 */
export class Log {
  readonly #sink: LogSink
  readonly #levels: readonly LogLevel[]
  readonly #coloured: boolean

  /** Colours only on a terminal, and not where NO_COLOR is set (no-color.org). */
  constructor(level: LogLevel = 'info', sink: LogSink = process.stderr, env: NodeJS.ProcessEnv = process.env) {
    this.#sink = sink
    this.#levels = logLevels.slice(0, logLevels.indexOf(level) + 1)
    this.#coloured = sink.isTTY === true && !env.NO_COLOR
  }

  error(message: string): void {
    this.#line('error', message)
  }

  warning(message: string): void {
    this.#line('warning', message)
  }

  info(message: string): void {
    this.#line('info', message)
  }

  debug(message: string): void {
    this.#line('debug', message)
  }

  #line(level: LogLevel, message: string): void {
    if (!this.#levels.includes(level)) return
    const text = level === 'info' ? `nslab: ${message}` : `nslab: ${level}: ${message}`
    const colour = COLOURS[level]
    this.#sink.write(this.#coloured && colour !== '' ? `\u001b[${colour}m${text}\u001b[0m\n` : `${text}\n`)
  }
}
