// The groups that one node knows, the trees through it, and what to change in the engine when others are told.

import type { RouteChange } from '../../native/engine.ts'
import type { ControllerMessage } from '../../protocol/messages.ts'

type Directory = Extract<ControllerMessage, { type: 'InstallGroupDirectory' }>
type GroupRoutes = Extract<ControllerMessage, { type: 'InstallGroupRoutes' }>

interface Trees {
  readonly message: GroupRoutes
  readonly text: string
}

export class GroupSet {
  /** Groups whose packets are delivered here, as the engine has it. */
  #memberOf = new Set<number>()
  readonly #trees = new Map<string, Trees>()
  /** Trees not told again since the control connection began. */
  readonly #stale = new Set<string>()

  /** The directory is replaced. */
  replace({ groups }: Directory): RouteChange[] {
    const memberOf = new Set(groups.filter(({ member }) => member).map(({ group_id }) => group_id))
    const changes: RouteChange[] = []
    for (const group of this.#memberOf)
      if (!memberOf.has(group)) changes.push({ change: 'member', group, member: false })
    for (const group of memberOf)
      if (!this.#memberOf.has(group)) changes.push({ change: 'member', group, member: true })
    this.#memberOf = memberOf
    return changes
  }

  /** The trees of one group from one source are replaced. */
  install(message: GroupRoutes): RouteChange[] {
    const { group_id: group, src_node_id: source, routes } = message
    const key = `${source} ${group}`
    const text = JSON.stringify(routes)
    this.#stale.delete(key)
    if ((this.#trees.get(key)?.text ?? '[]') === text) return []
    if (routes.length === 0) this.#trees.delete(key)
    else this.#trees.set(key, { message, text })
    const trees = routes.map(({ tree_id, next_hops }) => ({ number: tree_id, nextHops: next_hops }))
    return [{ change: 'install_trees', source, group, trees }]
  }

  /** Numbers of the trees of the group that start or pass here. */
  treesOf(source: number, group: number): number[] {
    return this.#trees.get(`${source} ${group}`)?.message.routes.map(({ tree_id }) => tree_id) ?? []
  }

  /** The control connection is gone: what holds is told again by the next one. */
  parted(): void {
    for (const key of this.#trees.keys()) this.#stale.add(key)
  }

  /** All has been told: trees that were not, again, are gone. */
  settle(): RouteChange[] {
    return [...this.#stale].flatMap(key => {
      const { group_id, src_node_id } = (this.#trees.get(key) as Trees).message
      return this.install({ type: 'InstallGroupRoutes', group_id, src_node_id, routes: [] })
    })
  }
}
