// Each kernel call of a build fails in turn: what was made is undone, every time.

import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import type { NativeError } from '../../../src/native/error.ts'
import type { Netns } from '../../../src/native/netns.ts'
import { descriptors, fabricRoot, leaked, linkNames, twoBridgeSpec } from '../../fixtures/fabric.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'

/** Builds with the `call`-th kernel call failing. Returns how many calls a build makes, when it succeeded. */
async function buildFailingAt(t: Tap, root: Netns, call: number, threads: number): Promise<number> {
  const failAt = { call, errno: 5 }
  const fabric = new native.Fabric(root, twoBridgeSpec(), { failAt, threads })
  let calls = Number.POSITIVE_INFINITY
  try {
    // One call has a second way (SO_RCVBUFFORCE, for who may not): its failure fails nothing.
    calls = (await fabric.build()).kernelCalls
    await fabric.teardown(20_000)
  } catch (error) {
    const { code, operation, where } = error as NativeError
    if (code !== 'EIO' || operation === '' || where === '') t.fail(`call ${call}`, { error })
  }
  const left = linkNames(root)
  if (left.join() !== 'lo') t.fail(`call ${call} left links`, { left })
  return calls
}

type Tap = typeof t

// Two threads make their calls in no fixed order, so every third is enough to meet all of them in time.
for (const [threads, step] of [
  [1, 1],
  [2, 3],
] as const) {
  t.test(
    `with ${threads} building thread(s), the failure of any kernel call is reported and leaves nothing`,
    async t => {
      const root = await fabricRoot(t)
      // What is opened once and kept (the opener's thread, a first fabric's) is there before counting.
      await buildFailingAt(t as Tap, root, 1e6, threads)
      const before = descriptors()
      let call = 1
      while (call <= (await buildFailingAt(t as Tap, root, call, threads))) call += step
      t.ok(call > 100, `up to call ${call - step}`)
      const fabric = new native.Fabric(root, twoBridgeSpec(), { threads })
      await fabric.build()
      await fabric.teardown(20_000)
      t.strictSame(await untilEmpty(() => leaked(before), 30_000), [])
    },
  )
}
