// Which network namespaces there are before churn makes any: what an observer finds of those is no invention, and of
// others it is. Told by the soak program, apart from the observer, with the same sources: a namespace that those can't
// show is only counted, where the kernel keeps a list (Linux 6.19).

import { Discovery } from '../../dataplane/discovery/discovery.ts'
import { kernelError } from '../../native/error.ts'
import type { ChurnLine } from '../../protocol/churn.ts'

/** Looks once, and holds nothing afterwards. Throws KERNEL_REFUSED where it can't look. */
export async function lookThere(nowS: () => number): Promise<ChurnLine> {
  const cookies = new Set<string>()
  let unseen: number | null = null
  const discovery = new Discovery({
    onFound: ({ cookie }) => cookies.add(cookie),
    onGone: () => {},
    onBlind: blind => {
      unseen = blind.unseen
    },
  })
  await discovery.start().catch((error: unknown) => {
    throw kernelError(error) ?? error
  })
  await discovery.stop()
  return { is: 'there', t_s: nowS(), cookies: [...cookies], unseen_count: unseen }
}
