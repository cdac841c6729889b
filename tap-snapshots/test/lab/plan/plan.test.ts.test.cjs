/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/lab/plan/plan.test.ts > TAP > the plan of a soak, whole > must match snapshot 1`] = `
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
   "mtu": 1500,
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
    "helpers": ["sleep"],
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

exports[`test/lab/plan/plan.test.ts > TAP > the plan of three nodes, whole > must match snapshot 1`] = `
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
   "mtu": 1500,
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

exports[`test/lab/plan/plan.test.ts > TAP > the plan of two hosts gives each fleet ids and a /22 of its own > must match snapshot 1`] = `
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
    "mtu": 1500,
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
    "mtu": 1500,
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
    "mtu": 1500,
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
   "mtu": 1500,
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

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain 1`] = `
6fb52e74a48fd6b3bdcd424a20afe532637732657e5c1832a4ed59e237bed3e9
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain-max 1`] = `
fad88f17814e570119a8d8e8a3a27d95a77c6da7c0e1a1876f0c5ba9bc8ea6bd
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn 1`] = `
6b4c1bfd46c452f05f1dd7e413998248fa2f338b4c8491da5bf2e91f5259ef27
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn-1000 1`] = `
5ef0375a91eb665575c9c3fa55df855cebf33267570fd6a7a17ec61f388629b4
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
a2cab53d101d6247f0a04157e18d136a28a8769fc42a1df9f08cd6d79d88f4e1
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connections 1`] = `
3ec31128c9737872a90de1f677a6cbb462cb22a6cc96f1463095567352bda0c9
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > controller-reboot 1`] = `
8086d0ccca309ba46d454b364b79f17c69c9b16a51ad96afdfdd2e8dc653177f
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
7c6a2ab155b23ffc5c0cea6222e4c6c2ec1140ab50d49e67f9504238eca0e8b6
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > lossless-tree 1`] = `
57f41e69bd80c2e1a5adbd408634106f4ec77e5e52cf793091255783267409f1
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multicast-tree 1`] = `
65dfbfc6f7bbf8925122f3d7628344589de16c1cf14b1ffb97cb97a6ceb226b8
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
cbf3b21c7a7a0af0269030052f730b6672dd95eb273c0061beed18eb0f649894
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
36bb0b5820f7944dbbce3af0877939a36098976dbd73d32e4c7d08a106028c7a
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
753cb17af53d7f002464d8d0b53dc74971401497d35ec6da8b71e4debf992608
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-multihost 1`] = `
4c352ba9ec4bd6a0ebcac1bbd587714ea4f9ce17cf8556a290e7b3f521c9edb6
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
1fc6d23db15443cbc348a780494a5b99a94dad5434e05b50f1d4acc635505bf8
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > pipeline 1`] = `
e07ff14be4006fe4b68a0747dc18659bd1804e904fd8e6c3bc4501061d32c1a8
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > reader-per-namespace 1`] = `
c26c18f1b3cdcf454f33333d2bf63409bae66fb034dda63b1de456b2929004c4
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
708ffd5ac9fdddd4a8cc0d219888db57ba327a54d8642264732e505804c3d478
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
f282025b01864bf97e9b76a63f62781f95bb196792da1fac787b05c05c7c8c5c
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-flows 1`] = `
6c1d006cccb5ad132f327a7469846e269b0ede071178a57f733d7e47694399b2
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > selfcheck 1`] = `
07dbbb15d2968055639eb95205bacf39c3f351b1e259e92b3299159cc50a5901
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > tcp-stress 1`] = `
36e86cc8919d53de816a5d33b27921609ae87238fb41edc8368329669d2f7b8a
`

exports[`test/lab/plan/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
c944d7566bba20bb7453e7c4d12c8efaf81de2428392fc73b5b9f33bb2ba12b9
`
