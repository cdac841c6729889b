// What the observer's own page counts, beside what its polls tell: of a poll that came to nothing as a whole neither a
// row nor a line is there. Each process of the observer counts anew.

import { POLLS_METRIC, ROWS_SENT_METRIC } from '../../protocol/collected.ts'
import type { ObservedLine } from '../../protocol/observed.ts'

/** What a process had counted so shortly before it was killed may have been on its way to the sink. */
const ON_ITS_WAY_S = 2

interface Page {
  readonly t_s: number
  readonly rows: number
  /** Null: it does not say. */
  readonly polls: number | null
}

/** Of one process. */
interface Account {
  readonly fromS: number
  endS: number
  /** Of its polls, those of one namespace included. */
  pollsCount: number
  rowsCount: number
  doubledCount: number
  /** In order; but one of them so new that its end may come within the time above. */
  readonly pages: Page[]
  /** Why it could not be read, the last time; null: it could. */
  problem: string | null
}

export interface Untold {
  readonly count: number
  /** What can't be told to be less. */
  readonly mayBe: number
}

export class PageAccounts {
  readonly #accounts: Account[] = [accountFrom(Number.NEGATIVE_INFINITY)]

  add(line: ObservedLine): void {
    if (line.is === 'observer_started') this.#accounts.push(accountFrom(line.t_s))
    else if (line.is === 'observer_exited') this.#accountAt(line.t_s).endS = line.t_s
    else if (line.is === 'polled') {
      // A database tells polls of a process when another one has followed it.
      const account = this.#accountAt(line.t_s)
      account.pollsCount += 1
      account.rowsCount += line.rows_sent_count
      account.doubledCount += line.rows_doubled_count
    } else if (line.is === 'scraped') addPage(this.#accountAt(line.t_s), line)
  }

  /** Why the page of the last process was never read; null: it was, or there is none. */
  get unread(): string | null {
    const { pages, problem } = this.#accounts.at(-1) as Account
    return pages.length === 0 ? problem : null
  }

  /** Rows that were sent by polls of which nothing was told, of all processes together. */
  untold(): Untold {
    const all = this.#accounts.map((account, index) =>
      index === this.#accounts.length - 1 ? untoldToTheEnd(account) : untoldBefore(account),
    )
    const sumOf = (key: keyof Untold): number => all.reduce((sum, untold) => sum + untold[key], 0)
    return { count: sumOf('count'), mayBe: sumOf('mayBe') }
  }

  #accountAt(timeS: number): Account {
    return this.#accounts.findLast(({ fromS }) => fromS <= timeS) as Account
  }
}

const accountFrom = (fromS: number): Account => ({
  fromS,
  endS: Number.POSITIVE_INFINITY,
  pollsCount: 0,
  rowsCount: 0,
  doubledCount: 0,
  pages: [],
  problem: null,
})

function addPage(account: Account, { t_s, values, problem }: Extract<ObservedLine, { is: 'scraped' }>): void {
  account.problem = problem ?? null
  const { pages } = account
  const rows = values[ROWS_SENT_METRIC]
  if (rows === undefined) return
  pages.push({ t_s, rows, polls: values[POLLS_METRIC] ?? null })
  while (pages.length > 1 && (pages[1] as Page).t_s <= t_s - ON_ITS_WAY_S) pages.shift()
}

/**
 * Of the last process, which was scraped when all was done. Rows that came twice it has counted twice, or once where
 * they were doubled after that, which then must not hide as many that are missing: where all polls are told that the
 * page counts, none is.
 */
function untoldToTheEnd({ pages, pollsCount, rowsCount, doubledCount }: Account): Untold {
  const page = pages.at(-1)
  if (page === undefined) return { count: 0, mayBe: 0 }
  const most = Math.max(0, page.rows - rowsCount)
  const least = Math.max(0, most - doubledCount)
  if (page.polls === null) return { count: least, mayBe: most }
  const count = page.polls > pollsCount ? most : least
  return { count, mayBe: count }
}

/** Of a process that ended on the way: what is beyond doubt, since its last poll was cut short. */
function untoldBefore({ pages, endS, pollsCount, rowsCount }: Account): Untold {
  const page = pages.findLast(({ t_s }) => t_s <= endS - ON_ITS_WAY_S)
  const count = (page?.polls ?? 0) > pollsCount ? Math.max(0, (page as Page).rows - rowsCount) : 0
  return { count, mayBe: count }
}
