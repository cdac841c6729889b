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

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > chain 1`] = `
31ef2c56c6a3cd73600298f7672492e7cfd19f349c6076ed429da52c51cd662c
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn 1`] = `
4d2a43139502d1fcc00afca58a49aaeb130423e31035af60106ec5f2feb37273
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > churn-1000 1`] = `
90ab59749e0edd15238277da699e2547e8298054398145147fd2abcac219efa4
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
bded538d204eed1aa32ae310b1fab3e69b335dc43f5088d8af8415b382612c3d
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connections 1`] = `
f0cea0745b300373ec00f5ce8ce941a7252fff2661735c0b341636994f200e58
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > controller-reboot 1`] = `
f864c5f6c0b28f15a6d2fdc2b653958a1053937344f2272956969368934dcbfa
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
a535954d13af8cf4c25e3fba8e415d1947bf9782399668a630bc834bca94bcf9
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multicast-tree 1`] = `
5479101187e30bf72ae8f5b149be5b7add7e960c1e2264ffc852accc0bbbb34c
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
d737f54e035a89d8dd4391adec5f0f461a84f5e662b6de2fdd5265f39f2bcf99
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
ddbe780d7da9e263eeaae020d8f9c0b14d3715b7ef625b24011a8fa6643eb544
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
3bbe8d1bbb28ac4593f7c017dfefab260fa1f80a1f9bf2ee0072bff8a2a68c9c
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-multihost 1`] = `
575971c2b1cf0475fc3cd9952b924fa16318b279116c37dbb083b685e559498b
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
9bbcb80be6417fa7d11e58bb22034f83070f8a4d35e399ef8af20b17ece4c8a5
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > pipeline 1`] = `
7232d68128d3002e75bd02884b82d56aa7c68fb724e01c908185de153ef375eb
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > reader-per-namespace 1`] = `
d3828f6b38cad417aa686b9162c2d4dfa05a9136b5c81111f06826514e0c5d11
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
fbd47586f98f833ee51267fab560d22c7305e1a00b551e99595de6462408acf4
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
e54321997883c80d41bf4e933b979df24b2875462dabbaf5d7bc4b5b85c67030
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-flows 1`] = `
cb9be0ef8c983385a5f1249ba1d132fdd70292e353100e3508a4c723ce3b56f9
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > selfcheck 1`] = `
3baaf62116ab07f211617d6e91cc83b4edada25248eb1b0fd455f5eb702900e1
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > tcp-stress 1`] = `
d7f4fbe78ee7ff9d4dc49ddc73535dd5e1f1323a6f2dc28338725d57b960910a
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
e77f9a52510be6d6f6ede30d93ba723b7a750c31cff85c00ff28b8609f6e3063
`
