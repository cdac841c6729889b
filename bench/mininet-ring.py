# Builds a ring of N hosts with Debian's mininet, checks it, stops it, and prints the seconds each took as JSON.
# Run it in a network namespace of its own: mininet makes its interfaces where it is started.

import json
import sys
import time

from mininet.net import Mininet
from mininet.topo import Topo


class Ring(Topo):
    def build(self, nodes_count):
        hosts = [self.addHost(f'h{i}', ip=None) for i in range(nodes_count)]
        for i in range(nodes_count):
            address = f'10.{i >> 14}.{(i >> 6) & 255}.{(i & 63) * 4}'
            first, second = (address[: address.rindex('.') + 1] + str((i & 63) * 4 + side) for side in (1, 2))
            self.addLink(
                hosts[i],
                hosts[(i + 1) % nodes_count],
                params1={'ip': f'{first}/30'},
                params2={'ip': f'{second}/30'},
            )


nodes_count = int(sys.argv[1])
started = time.monotonic()
net = Mininet(topo=Ring(nodes_count), controller=None, switch=None, autoSetMacs=False)
net.start()
built = time.monotonic()
# A refused connection is the neighbour's answer: nothing listens there.
answer = net.hosts[0].cmd("timeout 2 bash -c '</dev/tcp/10.0.0.2/9'")
stopping = time.monotonic()
net.stop()
stopped = time.monotonic()
print(json.dumps({
    'nodes': nodes_count,
    'seconds': built - started,
    'stop_s': stopped - stopping,
    'neighbour_answers': 'refused' in answer,
}))
