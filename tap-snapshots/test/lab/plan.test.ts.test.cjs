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
 "needs": {
  "descriptors_count": 277,
  "disk_bytes": 67138364,
  "memory_bytes": 390200000,
  "namespaces_count": 73,
  "neighbours_count": 0,
  "programs_count": 3,
  "tasks_count": 69
 },
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
    "lossless": {
     "paritySymbols": 0,
     "silenceMs": 15000,
     "sourceSymbols": 32,
     "symbolBytes": 1348,
     "treeIds": null,
     "treeWeights": []
    },
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
   "protocol": "tcp",
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
 "needs": {
  "descriptors_count": 143,
  "disk_bytes": 67134064,
  "memory_bytes": 151200000,
  "namespaces_count": 8,
  "neighbours_count": 6,
  "programs_count": 2,
  "tasks_count": 16
 },
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
    "lossless": {
     "paritySymbols": 0,
     "silenceMs": 15000,
     "sourceSymbols": 32,
     "symbolBytes": 1348,
     "treeIds": null,
     "treeWeights": []
    },
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
   "protocol": "tcp",
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
 "needs": {
  "descriptors_count": 143,
  "disk_bytes": 67148464,
  "memory_bytes": 212000000,
  "namespaces_count": 13,
  "neighbours_count": 10,
  "programs_count": 3,
  "tasks_count": 16
 },
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
    "lossless": {
     "paritySymbols": 0,
     "silenceMs": 15000,
     "sourceSymbols": 32,
     "symbolBytes": 1348,
     "treeIds": null,
     "treeWeights": []
    },
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
   "protocol": "tcp",
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
42eac63d3adfa824150e41be99abbeff735850a033ccbd584c88a42c14068dcc
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain-max 1`] = `
e5f5a4d0c98cbdb3c17531fce29b23c4020014ffb03daec85145c594bf4ed6b3
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn 1`] = `
aa7aa19985503df35ee70958c4762f1ac29bf58408236d0af1db889cd5696065
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn-1000 1`] = `
4a1e4cb8cf3a692692609234813f1741a86d5755885104b5a606e1d436953995
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
225e013d9e2b691360ee57d96f6560732636e34d13d0ba50766d142b79399341
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connections 1`] = `
eb4ec8ade2dd7d7e1d87e854321b6935e45ec098f1c4bb9837cfec67c3dc50aa
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > controller-reboot 1`] = `
6878d4abec623d42e1245c6ebf2975c919d9f9bcb5232555fd770e9c90919207
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
34777d39a8847a3550c5f747e0f61b7c45a516a6e6723bc05bdc3d38ffe15935
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > lossless-tree 1`] = `
c1f96fe0f5037c5f76516baaf42a4b9395bde7ca1356ec21e718da40b812e9d9
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multicast-tree 1`] = `
19255f522cd458ef86935c8bfe513084187078faef3b11b2141e8e1ee69d80ca
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
ee94faa68c23df4d288025617eb15717bfec4d477cb7d64be26751fc263efa80
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
7e0e777a691b9c0daa1befd60cb6c56504244826bec20f78c75eb1bfcac25641
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
7611de9ff11dac06e5e6d8767740fc174a742c9de5cf96d71fb9251707c884f0
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-multihost 1`] = `
68920dbb3ecb0fa2dd0a998f74d81e72d1a1593178ac43ba4de5701b56074caf
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
18ce7aa7d5882eb442797a0d5d9c3825836c7ec2e105aa01a12307fb015a0563
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > pipeline 1`] = `
c0ef8475b44dddd71275ad9ffc6946f66e72cb105c56c9c88001b1f85fefd1c3
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > reader-per-namespace 1`] = `
e45cf10eda927d2238c65d098dee2fc6933f2e455663eac3339d050eeb64a7f1
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
0cce5591d572cb0dfc8172fb5a3cd93f92c8ef5f9bf8b2e6d7b655b66b2a659b
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
fc01308a38830f0774fe805f1a3ed41cf8f07c4d70d7cce5b9e095a0e974ff50
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-flows 1`] = `
8d4e1f3a2247e0910974fce6ee52dd31240269b5bedd5b58883cb93f7adfc4c7
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > selfcheck 1`] = `
0e1917654868873e58de635a5331bb1a165ba1924717092c4298d340f473a996
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > tcp-stress 1`] = `
f5c7c601c49990698f3d747b77d96714887042252dff01e98263db1d4c6dd678
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
b0fd9e8ac4eb3acd59c931a1a9acd709edb070b43f7032e6cd5111b94a3a4420
`
