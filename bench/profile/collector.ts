// Load on the collector: namespaces with connections, which it finds and polls.

import { makeNamespaces } from '../readers.ts'
import type { Subject } from './record.ts'

const CONNECTIONS_PER_NAMESPACE = 50
/** Twice a second: what is recorded is polling, not waiting. */
const INTERVAL = '500ms'

export async function loadCollector(namespaces: number): Promise<Subject> {
  const { loader } = await makeNamespaces(namespaces, CONNECTIONS_PER_NAMESPACE)
  return {
    args: ['collect', '--interval', INTERVAL, '--sink', 'file:/dev/null'],
    ready: null,
    load: signal =>
      new Promise(resolve => {
        const done = (): void => resolve(`${namespaces} namespaces polled every ${INTERVAL}`)
        if (signal.aborted) done()
        else signal.addEventListener('abort', done)
      }),
    end: () => loader.stop(),
  }
}
