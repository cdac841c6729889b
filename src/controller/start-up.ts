// The controller's StartUp: what a node needs before anything else. Pure.

import type { ControllerConfig } from '../config/types.ts'
import type { ControllerMessage } from '../protocol/messages.ts'

/** `derivesHere`: the controller computes next hops itself, so the node gets no description of the topology. */
export function startUpFor(
  nodeId: number,
  config: ControllerConfig,
  runId: string,
  neighbours: Uint32Array,
  operatingMode: 'normal' | 'max',
  derivesHere: boolean,
): ControllerMessage {
  return {
    type: 'StartUp',
    node_id: nodeId,
    net_mask: config.netMask,
    virtual_base_addr: config.baseAddr,
    user_space_base_addr: config.userSpaceBaseAddr,
    external_base_addr: config.externalBaseAddr,
    max_server_port: config.maxServerPort,
    protocol: config.protocol,
    scheduler_type: config.schedulerType,
    node_spec: { node_id: nodeId, operating_mode: operatingMode },
    run_id: runId,
    neighbours: Array.from(neighbours),
    routing:
      config.routing === null
        ? null
        : { protocol: config.routing, topology: derivesHere ? null : (config.topology.preset ?? null) },
  }
}
