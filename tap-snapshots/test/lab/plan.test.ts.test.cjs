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
    "tunName": "utun"
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
    "tunName": "utun"
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
    "tunName": "utun"
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

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn 1`] = `
f53449f0d00d16f0e7bf645e5ae6eed300ff04a175ae41dc128d040c912af0b7
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn-1000 1`] = `
5df6299146e03018dec42e8255cd266a2862367eb28fa93904d71549ef666e9d
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
aff824e607ab9e21263bb8064fc216a659fda6d92a1ca8abdb23102319caf72e
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connections 1`] = `
ecdb7b99e9780aacf5a64d02eb06ad7cdfb9513e2be4fec11aa946bd5da241ba
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > controller-reboot 1`] = `
34cbc38a0f8c60043fa6546bbf99e991b810827be66ecc951f7f98ace9821f42
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
2355a547953d29db1fd0ed4aa99867fcd0b0287db4361a2d0d689c09148f8c01
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
470531e818a09c0d0a8c94f3f8bbc366edddeec51e302499f8284da5c7918a60
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
f514a102db00c41d941bdb5e1dc3a1ebdb3f99020608b5bccf6027c7920d97cb
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
926f5fa8129d51781ddefac1cd6635f4e64da7a0a163525689842855ef055963
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-multihost 1`] = `
f24513a3fd72776de802da40f9677e48002ce28eb938b806a05f2758d9e525a1
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
8f36dad176aa480630d11534afdbe13a6f9209e1892c1efb8671adc91451c80e
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > pipeline 1`] = `
3196d58b02f1b85c5aaf19764feaad75ec76236cae770be0524ce0727b881117
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > reader-per-namespace 1`] = `
d080add0d1a023a3b3a65853d9db2c282595119e188ccbdada62a3f6bbd50ea8
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
5472f45363b6e073fa8b25cd2939b82ba49d1477822650894064df1ebc49e444
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
579368c23d119d17e6eeff652385116f3ed5d83cb2e556a3ad94aa44538278ae
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > selfcheck 1`] = `
d6a2ab7282184ba1c1cc4bfb9e04692587129ebf2e7a782855f4b249d5932121
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > tcp-stress 1`] = `
82f905102be8fc51c8c97a49834600175436447f8c2c7882af3856c9981ee132
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
431b62bf274286d0096dd2ea4d336e95e3fa5c93bce6f6279d801833edc30f8d
`
