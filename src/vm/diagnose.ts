// What a VM that no longer answers is doing: its processors' registers at three moments, and its kernel's own stack.

import { setTimeout as pause } from 'node:timers/promises'

import type { Qmp } from './qmp.ts'
import type { Diagnosis } from './spec.ts'

/** Moments at which the registers are read, and ms between them. */
const MOMENTS = { count: 3, apartMs: 50 } as const
/** How long QEMU may take for an answer: milliseconds, whatever the guest does, and seconds on a loaded machine. */
const ANSWER_MS = 10_000
/** How long a guest may take to print its stack, some 60 lines: one that is emulated by a loaded machine, too. */
const STACK_MS = 20_000

/**
 * Never rejects. Injects a non-maskable interrupt at the end, upon which a guest's kernel panics and QEMU ends.
 * `panicked` resolves when QEMU tells of a panic, `gone` when it has ended.
 */
export async function diagnose(qmp: Qmp, panicked: Promise<void>, gone: Promise<void>): Promise<Diagnosis> {
  const registers: string[] = []
  for (let moment = 0; moment < MOMENTS.count; moment++) {
    if (moment > 0) await pause(MOMENTS.apartMs)
    const printed = await qmp.monitor('info registers -a', ANSWER_MS).catch(() => '')
    if (printed === '') break
    registers.push(shorten(printed))
  }
  const nmiAnswered = registers.length > 0 && (await interrupt(qmp, panicked, gone))
  return { registers, nmiAnswered, words: `${activity(registers)}; ${nmiWords(nmiAnswered)}` }
}

/** Has the guest's kernel print its stack and restart, which ends QEMU. */
async function interrupt(qmp: Qmp, panicked: Promise<void>, gone: Promise<void>): Promise<boolean> {
  try {
    await qmp.execute('set-action', { reboot: 'shutdown' }, ANSWER_MS)
    await qmp.execute('inject-nmi', {}, ANSWER_MS)
  } catch {
    return false
  }
  const answered = await within(Promise.race([panicked, gone]), STACK_MS)
  if (answered) await within(gone, STACK_MS)
  return answered
}

/** Of QEMU's forty lines for each processor, those words that tell: `cpu0 RIP=ffffffff81002f9f CPL=0 HLT=0`. */
export function shorten(printed: string): string {
  return printed
    .split(/^(?=CPU#\d+)/m)
    .filter(text => /\bE?R?IP=/.test(text))
    .map(text => {
      const cpu = /^CPU#(\d+)/.exec(text)?.[1] ?? '0'
      const [ip, level, halted] = [/\b([ER]IP=\w+)/, /\b(CPL=\d)/, /\b(HLT=\d)/].map(
        part => part.exec(text)?.[1] ?? '?',
      )
      return `cpu${cpu} ${ip} ${level} ${halted}`
    })
    .join(', ')
}

/** What most of the moments have in common. */
export function activity(registers: readonly string[]): string {
  if (registers.length === 0) return 'QEMU itself does not answer'
  const busy = registers.map(moment => moment.split(', ').filter(cpu => !cpu.includes('HLT=1')))
  const isIdle = busy.filter(cpus => cpus.length === 0).length * 2 > registers.length
  if (isIdle) return 'its processors wait for an interrupt'
  const all = (level: string): boolean => busy.flat().every(cpu => cpu.includes(level))
  const who = all('CPL=3') ? 'a program of it' : all('CPL=0') ? 'its kernel' : 'it'
  return `${who} computes (${busy.findLast(cpus => cpus.length > 0)?.join(', ')})`
}

const nmiWords = (answered: boolean): string =>
  answered ? "its kernel's stack is on the console" : 'its kernel does not answer a non-maskable interrupt'

/** Whether `event` happens within `limitMs`. */
async function within(event: Promise<unknown>, limitMs: number): Promise<boolean> {
  const cancel = new AbortController()
  const late = pause(limitMs, false, { signal: cancel.signal }).catch(() => false)
  const happened = await Promise.race([event.then(() => true), late])
  cancel.abort()
  return happened
}
