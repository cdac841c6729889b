/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
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
   "linkRates": [],
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
   "handshakeTimeoutMs": 25000,
   "mtu": 1400,
   "nNodes": 3,
   "nodeIdOffset": 0,
   "onNodeDeath": "restart",
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
   "memoryMib": 1024,
   "network": "switch",
   "on": "auto",
   "vcpus": 2
  },
  "name": "ring",
  "run": {
   "deadlineS": 60,
   "deterministic": false,
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
   "linkRates": [],
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
   "handshakeTimeoutMs": 25000,
   "mtu": 1400,
   "nNodes": 3,
   "nodeIdOffset": 0,
   "onNodeDeath": "restart",
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
   "memoryMib": 1024,
   "network": "switch",
   "on": "auto",
   "vcpus": 2
  },
  "name": "ring",
  "run": {
   "deadlineS": 60,
   "deterministic": false,
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

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > connect-800 1`] = `
c7b4ea966fe611dc4fbcac9288346f6352cbd43b023229d8238677793e3af628
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > host-loss 1`] = `
6045ff9b93aae0c745352e19a7bd31c21f2750112c2c17c7fcb6f3b76aca67e5
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost 1`] = `
0cf4cc30c61345d57b6abc3087fefa85c6ba421120ad81ff38b435d8fe6ec44d
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > multihost-400 1`] = `
3e41838736e9e3805da6df15bac48c5f9331792887a04de4ea2a0bdb7f7f6934
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > nextmini-example 1`] = `
8d017a27f9acdc8a9ed5fea40963ffdeb2a67c712f99e1369c1337fed8106c07
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > partition 1`] = `
8e693b2cad604e449d9af021fd964e2c2f1f8b51a694f0406085bf0625701562
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring 1`] = `
c391ab21a86122f3fa3097984b7b6fb45ce7bf577483ea8afbd9019837b9f9e8
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > ring-800 1`] = `
f881a88c873c25b37ac62dbbae3d897c910336d96d9bae68b978e4aefbb2cd2d
`

exports[`test/lab/plan.test.ts > TAP > the plans of the scenarios that ship have not changed > torus-1000 1`] = `
926fdc0123466c9be9a16979fd37b04c520eda4bc4b9a76cb242cc96c10416f4
`
