// The exit codes of every nslab command (a contract: they only grow).

export const ExitCode = {
  pass: 0,
  gateFailed: 1,
  usage: 2,
  notFit: 3,
  deadline: 4,
  unknown: 5,
  refused: 6,
  bug: 70,
  interrupted: 130,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
