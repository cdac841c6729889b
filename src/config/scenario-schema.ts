// Every key of a scenario (design.md, "A scenario, by example"). [controller] and [dataplane] take the keys of those
// programs' own files, and `file`, which reads such a file under them. A soak has [churn] in their place.

import * as v from 'valibot'
import { UNDERLAY_MTU, UNDERLAY_MTU_MAX, UNDERLAY_MTU_MIN } from '../base/limits.ts'
import { churnSchema } from './churn.ts'
import { connectionsTable } from './connections.ts'
import { controllerEntries } from './controller-schema.ts'
import { dataplaneEntries } from './dataplane-schema.ts'
import { collectorEntries, sutEntries } from './soak-schema.ts'
import { flowTable, groupTable, linkTable } from './traffic-schema.ts'
import { duration, edge, flag, int, kernelName, nodeId, oneOf, path, ratio, scenarioName, text } from './values.ts'

const SEED_MAX = 0xffff_ffff

const level = oneOf('host', 'kvm', 'tcg')

/** The keys that are the scenario's own; the two programs' sections are read by their own schemas. */
export const shellSchema = v.object({
  /** Required: asked for by the parser, so that a table without it still gets its defaults. */
  name: v.optional(scenarioName),
  summary: v.optional(text(200), ''),
  seed: v.optional(int(0, SEED_MAX), 1),
  nodes: v.optional(nodeId),
  hosts: v.optional(
    v.object({
      count: v.optional(int(1, 64), 1),
      on: v.optional(oneOf('auto', 'host', 'vm'), 'auto'),
      accel: v.optional(oneOf('auto', 'kvm', 'tcg'), 'auto'),
      memory_mib: v.optional(int(128, 1_048_576), 1024),
      vcpus: v.optional(int(1, 256), 2),
      /** MiB that an emulated VM's QEMU keeps translated code in. */
      tcg_buffer_mib: v.optional(int(16, 2047)),
      /** How VMs are joined: by the runner's own switch, or by tap devices and a bridge in a namespace of its own. */
      network: v.optional(oneOf('switch', 'tap'), 'switch'),
      /** Bytes of the largest packet between hosts; nodes' own interfaces have `dataplane.mtu`. */
      mtu: v.optional(int(UNDERLAY_MTU_MIN, UNDERLAY_MTU_MAX), UNDERLAY_MTU),
      /** Boot every VM; else a saved state is restored where there is one. */
      cold: v.optional(flag, false),
      /** An image in place of the one that is built: the path of its image.json. */
      image: v.optional(path),
      /** Another kernel for VMs: a package of Debian's, its release, a vmlinuz's path, or a name of the flake's. */
      kernel: v.optional(kernelName),
    }),
    {},
  ),
  host: v.optional(v.array(v.object({ file: path })), []),
  run: v.optional(
    v.object({
      hold: v.optional(duration, '2s'),
      deadline: v.optional(duration, '60s'),
      teardown_deadline: v.optional(duration, '30s'),
      /** 250ms; where instructions are counted, at most 240 samples of the hold. */
      sample_interval: v.optional(duration),
      /** Of a soak: least steady churning over which growth is told; less says nothing about an hour. */
      growth_least: v.optional(duration, '5m'),
      out: v.optional(path),
      keep: v.optional(flag, false),
      /** In one emulated VM that counts instructions: the same to the bit from run to run. */
      deterministic: v.optional(flag, false),
    }),
    {},
  ),
  flow: v.optional(v.array(flowTable), []),
  link: v.optional(v.array(linkTable), []),
  group: v.optional(v.array(groupTable), []),
  fault: v.optional(
    v.array(
      v.object({
        at: duration,
        do: oneOf(
          'kill',
          'reboot',
          'cut',
          'impair',
          'pause_observer',
          'kill_observer',
          'restart_database',
          'pause_churn',
        ),
        hosts: v.optional(v.array(text(100))),
        /** In place of hosts: of links between neighbours, which are cut. */
        links: v.optional(v.array(edge)),
        for: duration,
        loss: v.optional(ratio),
        delay: v.optional(duration),
        jitter: v.optional(duration),
      }),
    ),
    [],
  ),
  gate: v.optional(
    v.array(
      v.object({
        name: v.optional(text(100)),
        metric: text(100),
        require: text(100),
        levels: v.optional(v.array(level)),
        /** Growth shows in long runs only: a run with a shorter `run.hold` is not held to this gate. */
        min_hold: v.optional(duration),
      }),
    ),
    [],
  ),
  controller: v.optional(v.any()),
  dataplane: v.optional(v.any()),
  churn: v.optional(churnSchema),
  collector: v.optional(v.object(collectorEntries), {}),
  sut: v.optional(v.object(sutEntries), {}),
  connections: v.optional(connectionsTable),
})

const file = v.optional(path)

/** Everything: what --set may name. */
export const scenarioSchema = v.object({
  ...shellSchema.entries,
  controller: v.optional(v.object({ ...controllerEntries, file })),
  dataplane: v.optional(v.object({ ...dataplaneEntries, file })),
})
