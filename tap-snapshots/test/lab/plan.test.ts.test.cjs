/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/lab/plan.test.ts > TAP > the plan of a soak, whole > must match snapshot 1`] = `
{
 "churn": { "digest": "8aca4d60b975dc1eaec5117281a5a75477428c4281316c815184be2669c5d042", "ops_count": 10 },
 "fleets": [],
 "hosts": [{ "fleet": null, "name": "host1", "programs": ["soak"], "uplink": null, "vm": "vm1" }],
 "needs": { "descriptors_count": 277, "memory_bytes": 390200000, "namespaces_count": 73, "neighbours_count": 0 },
 "scenario": {
  "controller": {
   "baseAddr": "10.0.0.0",
   "db": null,
   "externalBaseAddr": "172.16.8.3",
   "flowTransport": "tcp",
   "flows": [],
   "groups": [],
   "linkRates": [],
   "links": [],
   "listen": "0.0.0.0",
   "maxServerPort": 8081,
   "multicastPoolBase": "239.255.0.0",
   "multicastPoolMask": "255.255.0.0",
   "netMask": "255.255.0.0",
   "nodes": [],
   "port": 3000,
   "protocol": "tcp",
   "routes": [],
   "routing": null,
   "schedulerType": "fifo",
   "topology": { "edges": [] },
   "userSpaceBaseAddr": "192.168.0.0",
   "warnings": []
  },
  "dataplane": {
   "bridgeIp": "172.16.8.1",
   "bridgeName": "isobr0",
   "carrierMaxWaitMs": 20000,
   "controllerAddr": "127.0.0.1:3000",
   "controllerConnectTimeoutMs": 5000,
   "engine": {
    "backpressure": false,
    "channelCapacity": 1000,
    "concurrent": false,
    "dropStrategy": "taildrop",
    "metricsIntervalS": 5,
    "processors": 0,
    "queueCapacity": 1000,
    "tun": "demand",
    "tunName": "utun",
    "tunOffloads": true
   },
   "mtu": 1400,
   "nNodes": 1,
   "nodeIdOffset": 0,
   "onNodeDeath": "restart",
   "peerSilenceMs": 8000,
   "privateNetworkName": "",
   "privateNetworkPort": 8080,
   "unsupported": [],
   "warnings": []
  },
  "faults": [],
  "gates": [],
  "hosts": {
   "accel": "auto",
   "cold": false,
   "count": 1,
   "dataplanes": [],
   "given": [],
   "memoryMib": 1024,
   "network": "switch",
   "on": "auto",
   "vcpus": 2
  },
  "name": "x",
  "run": {
   "deadlineS": 60,
   "deterministic": false,
   "growthLeastS": 300,
   "holdS": 2,
   "keep": false,
   "sampleIntervalS": 0.25,
   "teardownDeadlineS": 30
  },
  "seed": 1,
  "soak": {
   "churn": {
    "connectionTable": "shared",
    "faultIntervalS": 10,
    "faults": ["same_name", "inode_reuse", "remove_while_entered", "leader_dead"],
    "kinds": { "descriptor": 1, "mounted": 2, "named": 4, "process": 1, "socket": 1, "thread": 1 },
    "minLifeS": 0.5,
    "namespaces": 5,
    "ratePerS": 2.5,
    "shortLifeRatio": 0.05,
    "sockets": { "families": [4, 6], "halfClosed": 1, "listeners": 1, "pairs": 5, "short": 1, "timeWait": 1 }
   },
   "collector": { "canaries": [], "discoveryIntervalS": 0.1, "intervalS": 2, "ports": [], "sink": "stdout", "states": [] },
   "observer": {
    "command": null,
    "forbid": [],
    "memoryMaxBytes": null,
    "metrics": [],
    "metricsUrl": null,
    "output": "nslab.collect/1",
    "ready": null,
    "restart": false,
    "scrapeIntervalS": 5
   }
  },
  "summary": "",
  "warnings": []
 },
 "schema": "nslab.plan/1",
 "topology": { "edges": [], "name": "none", "nodes_count": 0 }
}

`

exports[`test/lab/plan.test.ts > TAP > the plan of three nodes, whole > must match snapshot 1`] = `
{
 "fleets": [
  {
   "controllerAddr": "127.0.0.1:3000",
   "fabric": {
    "bridges": [{ "address": "172.16.8.1", "mac": "02:6f:ac:10:08:01", "name": "isobr0", "prefixLength": 22 }],
    "mtu": 1400,
    "neighbours": [[1, 2], [0, 2], [0, 1]],
    "nodes": [
     {
      "address": "172.16.8.2",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth0a",
      "mac": "02:6e:ac:10:08:02",
      "nodeId": 1,
      "nodeInterface": "veth0b",
      "prefixLength": 22
     },
     {
      "address": "172.16.8.3",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth1a",
      "mac": "02:6e:ac:10:08:03",
      "nodeId": 2,
      "nodeInterface": "veth1b",
      "prefixLength": 22
     },
     {
      "address": "172.16.8.4",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth2a",
      "mac": "02:6e:ac:10:08:04",
      "nodeId": 3,
      "nodeInterface": "veth2b",
      "prefixLength": 22
     }
    ]
   },
   "host": "host1",
   "nNodes": 3,
   "nodeIdOffset": 0
  }
 ],
 "hosts": [{ "fleet": 0, "name": "host1", "programs": ["controller", "dataplane"], "uplink": null, "vm": "vm1" }],
 "needs": { "descriptors_count": 143, "memory_bytes": 1800000, "namespaces_count": 4, "neighbours_count": 6 },
 "scenario": {
  "controller": {
   "baseAddr": "10.0.0.0",
   "db": null,
   "externalBaseAddr": "172.16.8.3",
   "flowTransport": "tcp",
   "flows": [],
   "groups": [],
   "linkRates": [],
   "links": [],
   "listen": "0.0.0.0",
   "maxServerPort": 8081,
   "multicastPoolBase": "239.255.0.0",
   "multicastPoolMask": "255.255.0.0",
   "netMask": "255.255.0.0",
   "nodes": [],
   "port": 3000,
   "protocol": "tcp",
   "routes": [],
   "routing": null,
   "schedulerType": "fifo",
   "topology": { "edges": [], "preset": { "nNodes": 3, "type": "ring" } },
   "userSpaceBaseAddr": "192.168.0.0",
   "warnings": []
  },
  "dataplane": {
   "bridgeIp": "172.16.8.1",
   "bridgeName": "isobr0",
   "carrierMaxWaitMs": 20000,
   "controllerAddr": "127.0.0.1:3000",
   "controllerConnectTimeoutMs": 5000,
   "engine": {
    "backpressure": false,
    "channelCapacity": 1000,
    "concurrent": false,
    "dropStrategy": "taildrop",
    "metricsIntervalS": 5,
    "processors": 0,
    "queueCapacity": 1000,
    "tun": "demand",
    "tunName": "utun",
    "tunOffloads": true
   },
   "mtu": 1400,
   "nNodes": 3,
   "nodeIdOffset": 0,
   "onNodeDeath": "restart",
   "peerSilenceMs": 8000,
   "privateNetworkName": "",
   "privateNetworkPort": 8080,
   "unsupported": [],
   "warnings": []
  },
  "faults": [],
  "gates": [
   { "limit": 3, "metric": "nodes_count", "name": "nodes_count", "operator": "==" },
   { "limit": 0, "metric": "residue_count", "name": "residue_count", "operator": "==" },
   { "limit": 0, "metric": "lost_count", "name": "lost_count", "operator": "==" },
   { "limit": 3, "metric": "ring_hops_count", "name": "ring_hops_count", "operator": "==" },
   { "limit": 0, "metric": "links_disagreeing_count", "name": "links_disagreeing_count", "operator": "==" },
   { "limit": 0, "metric": "links_missing_count", "name": "links_missing_count", "operator": "==" },
   { "limit": 32, "metric": "threads_count", "name": "threads_count", "operator": "<=" },
   {
    "levels": ["host", "kvm"],
    "limit": 2.018,
    "metric": "fabric_to_wired_s",
    "name": "fabric_to_wired_s",
    "operator": "<="
   },
   { "levels": ["host", "kvm"], "limit": 2.009, "metric": "teardown_s", "name": "teardown_s", "operator": "<=" }
  ],
  "hosts": {
   "accel": "auto",
   "cold": false,
   "count": 1,
   "dataplanes": [],
   "given": [],
   "memoryMib": 1024,
   "network": "switch",
   "on": "auto",
   "vcpus": 2
  },
  "name": "ring",
  "run": {
   "deadlineS": 60,
   "deterministic": false,
   "growthLeastS": 300,
   "holdS": 2,
   "keep": false,
   "sampleIntervalS": 0.25,
   "teardownDeadlineS": 30
  },
  "seed": 1,
  "summary": "Wires a ring of namespaces and says how long it took and what it cost.",
  "warnings": []
 },
 "schema": "nslab.plan/1",
 "topology": { "edges": [[1, 2], [1, 3], [2, 3]], "name": "ring", "nodes_count": 3 }
}

`

exports[`test/lab/plan.test.ts > TAP > the plan of two hosts gives each fleet ids and a /22 of its own > must match snapshot 1`] = `
{
 "fleets": [
  {
   "controllerAddr": "198.18.0.254:3000",
   "fabric": {
    "bridges": [{ "address": "172.16.8.1", "mac": "02:6f:ac:10:08:01", "name": "isobr0", "prefixLength": 22 }],
    "mtu": 1400,
    "neighbours": [[1], [0, 2], [1]],
    "nodes": [
     {
      "address": "172.16.8.2",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth0a",
      "mac": "02:6e:ac:10:08:02",
      "nodeId": 1,
      "nodeInterface": "veth0b",
      "prefixLength": 22
     },
     {
      "address": "172.16.8.3",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth1a",
      "mac": "02:6e:ac:10:08:03",
      "nodeId": 2,
      "nodeInterface": "veth1b",
      "prefixLength": 22
     },
     {
      "address": "172.16.8.4",
      "bridge": 0,
      "gateway": "172.16.8.1",
      "hostInterface": "veth2a",
      "mac": "02:6e:ac:10:08:04",
      "nodeId": 3,
      "nodeInterface": "veth2b",
      "prefixLength": 22
     }
    ]
   },
   "host": "host1",
   "nNodes": 3,
   "nodeIdOffset": 0
  },
  {
   "controllerAddr": "198.18.0.254:3000",
   "fabric": {
    "bridges": [{ "address": "172.16.12.1", "mac": "02:6f:ac:10:0c:01", "name": "isobr0", "prefixLength": 22 }],
    "mtu": 1400,
    "neighbours": [[1], [0]],
    "nodes": [
     {
      "address": "172.16.12.2",
      "bridge": 0,
      "gateway": "172.16.12.1",
      "hostInterface": "veth0a",
      "mac": "02:6e:ac:10:0c:02",
      "nodeId": 4,
      "nodeInterface": "veth0b",
      "prefixLength": 22
     },
     {
      "address": "172.16.12.3",
      "bridge": 0,
      "gateway": "172.16.12.1",
      "hostInterface": "veth1a",
      "mac": "02:6e:ac:10:0c:03",
      "nodeId": 5,
      "nodeInterface": "veth1b",
      "prefixLength": 22
     }
    ]
   },
   "host": "host2",
   "nNodes": 2,
   "nodeIdOffset": 3
  }
 ],
 "hosts": [
  {
   "fleet": 0,
   "name": "host1",
   "programs": ["dataplane"],
   "uplink": {
    "address": "198.18.0.1",
    "host": "host1",
    "mac": "02:71:c6:12:00:01",
    "prefixLength": 24,
    "routes": [{ "to": "172.16.12.0/22", "via": "198.18.0.2" }]
   },
   "vm": "vm1"
  },
  {
   "fleet": 1,
   "name": "host2",
   "programs": ["dataplane"],
   "uplink": {
    "address": "198.18.0.2",
    "host": "host2",
    "mac": "02:71:c6:12:00:02",
    "prefixLength": 24,
    "routes": [{ "to": "172.16.8.0/22", "via": "198.18.0.1" }]
   },
   "vm": "vm2"
  },
  {
   "fleet": null,
   "name": "controller",
   "programs": ["controller"],
   "uplink": {
    "address": "198.18.0.254",
    "host": "controller",
    "mac": "02:71:c6:12:00:fe",
    "prefixLength": 24,
    "routes": [{ "to": "172.16.8.0/22", "via": "198.18.0.1" }, { "to": "172.16.12.0/22", "via": "198.18.0.2" }]
   },
   "vm": "controller"
  }
 ],
 "needs": { "descriptors_count": 143, "memory_bytes": 3000000, "namespaces_count": 7, "neighbours_count": 10 },
 "scenario": {
  "controller": {
   "baseAddr": "10.0.0.0",
   "db": null,
   "externalBaseAddr": "172.16.8.3",
   "flowTransport": "tcp",
   "flows": [],
   "groups": [],
   "linkRates": [],
   "links": [],
   "listen": "0.0.0.0",
   "maxServerPort": 8081,
   "multicastPoolBase": "239.255.0.0",
   "multicastPoolMask": "255.255.0.0",
   "netMask": "255.255.0.0",
   "nodes": [],
   "port": 3000,
   "protocol": "tcp",
   "routes": [],
   "routing": null,
   "schedulerType": "fifo",
   "topology": { "edges": [], "preset": { "nNodes": 5, "type": "ring" } },
   "userSpaceBaseAddr": "192.168.0.0",
   "warnings": []
  },
  "dataplane": {
   "bridgeIp": "172.16.8.1",
   "bridgeName": "isobr0",
   "carrierMaxWaitMs": 20000,
   "controllerAddr": "127.0.0.1:3000",
   "controllerConnectTimeoutMs": 5000,
   "engine": {
    "backpressure": false,
    "channelCapacity": 1000,
    "concurrent": false,
    "dropStrategy": "taildrop",
    "metricsIntervalS": 5,
    "processors": 0,
    "queueCapacity": 1000,
    "tun": "demand",
    "tunName": "utun",
    "tunOffloads": true
   },
   "mtu": 1400,
   "nNodes": 3,
   "nodeIdOffset": 0,
   "onNodeDeath": "restart",
   "peerSilenceMs": 8000,
   "privateNetworkName": "",
   "privateNetworkPort": 8080,
   "unsupported": [],
   "warnings": []
  },
  "faults": [],
  "gates": [
   { "limit": 5, "metric": "nodes_count", "name": "nodes_count", "operator": "==" },
   { "limit": 0, "metric": "residue_count", "name": "residue_count", "operator": "==" },
   { "limit": 0, "metric": "lost_count", "name": "lost_count", "operator": "==" },
   { "limit": 5, "metric": "ring_hops_count", "name": "ring_hops_count", "operator": "==" },
   { "limit": 0, "metric": "links_disagreeing_count", "name": "links_disagreeing_count", "operator": "==" },
   { "limit": 0, "metric": "links_missing_count", "name": "links_missing_count", "operator": "==" },
   { "limit": 32, "metric": "threads_count", "name": "threads_count", "operator": "<=" },
   {
    "levels": ["host", "kvm"],
    "limit": 2.03,
    "metric": "fabric_to_wired_s",
    "name": "fabric_to_wired_s",
    "operator": "<="
   },
   { "levels": ["host", "kvm"], "limit": 2.015, "metric": "teardown_s", "name": "teardown_s", "operator": "<=" }
  ],
  "hosts": {
   "accel": "auto",
   "cold": false,
   "count": 2,
   "dataplanes": [],
   "given": ["count"],
   "memoryMib": 1024,
   "network": "switch",
   "on": "auto",
   "vcpus": 2
  },
  "name": "ring",
  "run": {
   "deadlineS": 60,
   "deterministic": false,
   "growthLeastS": 300,
   "holdS": 2,
   "keep": false,
   "sampleIntervalS": 0.25,
   "teardownDeadlineS": 30
  },
  "seed": 1,
  "summary": "Wires a ring of namespaces and says how long it took and what it cost.",
  "warnings": []
 },
 "schema": "nslab.plan/1",
 "topology": { "edges": [[1, 2], [1, 5], [2, 3], [3, 4], [4, 5]], "name": "ring", "nodes_count": 5 }
}

`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain 1`] = `
a93b98a7bdd00c5d71fa1167a5bb8621207226ba99717d876bf2dcb5fa7bf5a0
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain-max 1`] = `
c54d517cb8eb195d4ed5ac73d5b3f11a5636c3d9bfc0ec03918342ea9c14c754
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn 1`] = `
da511bc5ea165ea0d93d27c086d704ac1ede466b967c579d3331c6b567e8d11c
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn-1000 1`] = `
66d6cf46d74c586fc6625f09c09f0092c96164b8d42152da7533408ee0683b25
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
9520020add96da27c0358f26901b498f19b66bb90bf6d9206eafc2962469b0d2
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connections 1`] = `
5e277568dd112c1762d76936c3e749ce905f700ae605189904151377461dc81a
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > controller-reboot 1`] = `
f19c048dbe05adce1dedc07d5ffd86b5032f84cdff27cbadf2f5ccc8556e6948
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
1bbfe380c553e500c055b132055ba466cc20876264b22000946f77fc2abc028d
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multicast-tree 1`] = `
f0354549cd78b9d003c8bd659f9bf557990b2fddf8b111d19bfeb6b58f16924e
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
d5bc0219e3b112547e7715c5d583e018149ad855e6f42a09103e56731243801f
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
b33f54e721ed4f328b29a73e6632033de8785446cf2be6d1a2f33bc434d8cd6e
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
242564316d2d7dadf4978d921e15171b8ef0c38e4066f57cc4c99c3553380bff
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-multihost 1`] = `
e35f25be70cdccf6210b6a13c9f76b6070087244a06015a390063b7803a74ee7
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
f3397249d71d0a4e3b3ad6a2374f0bf32dda79da005e71d9ef8f3d35ac13238e
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > pipeline 1`] = `
4da70b1b677a3c262cdf304af9914b1277c5bbe09be4ad9efb54df23221767b4
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > reader-per-namespace 1`] = `
be32d2c7f1cd7739e6eae4bbad10bddf31e2bd0e3a0f3df8255cf7cd9075c5d0
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
c1bbcc1c21d241734def035736bae5a992f715a21110b963177325004b9d5209
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
65e341fb90013c383cac2065a3b1decb41696712102ace9026819afe176b4efd
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-flows 1`] = `
3ede29746b2a1ab8e2891d6f8b31bc6d28674b63f2e67df7fbc45f4de030bb60
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > selfcheck 1`] = `
8c87b03f15203f5ca1f56b6dab6d13593da1a85aff67f8da4b04cf0c51df4b5b
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > tcp-stress 1`] = `
b39d83b8dfa15e0637a242c649ee8332ebf024ad40d98f303274b6def7bf9902
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
c3c6f5404fb2fd9d7260f6e3487953aacc76a7096eadf2cc9a431ba4fe54f6ec
`
