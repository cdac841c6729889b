import t from 'tap'
import { parseScenario } from '../../src/config/scenario.ts'
import { issuesOf } from '../fixtures/issues.ts'

const parse = (text: string) => parseScenario(`name = "x"\n${text}`, 'x.toml', [], path => path)

const ring = (hosts: number): string =>
  `controller.topology = { type = "ring", ring_config = { n_nodes = 6 } }\n[hosts]\ncount = ${hosts}\n`

t.test('faults are typed, in seconds, in the order of their times', t => {
  const { faults } = parse(`${ring(3)}
[[fault]]
at = "5s"
do = "impair"
hosts = ["vm2", "host2", "controller"]
for = "500ms"
loss = 0.01
delay = "20ms"
[[fault]]
at = "1s"
do = "kill"
hosts = ["host1"]
for = "2s"
`)
  t.same(faults, [
    { atS: 1, forS: 2, op: 'kill', hosts: ['host1'], loss: 0, delayS: 0, jitterS: 0 },
    { atS: 5, forS: 0.5, op: 'impair', hosts: ['host2', 'controller'], loss: 0.01, delayS: 0.02, jitterS: 0 },
  ])
  t.end()
})

for (const [what, text, key, problem] of [
  ['a host that is not there', 'do = "cut"\nhosts = ["host4"]', 'fault[0].hosts', /is no host of the run: host1, /],
  ['no host', 'do = "cut"\nhosts = []', 'fault[0].hosts', /at least one host/],
  [
    'an operation that is none',
    'do = "hit"\nhosts = ["host1"]',
    'fault[0].do',
    /one of "kill", "reboot", "cut", "impair"/,
  ],
  ['an impairment that does nothing', 'do = "impair"\nhosts = ["host1"]', 'fault[0].do', /needs loss, delay or jitter/],
  ['loss of what is killed', 'do = "kill"\nhosts = ["host1"]\nloss = 0.1', 'fault[0].loss', /belongs to do = "impair"/],
  ['too much loss', 'do = "impair"\nhosts = ["host1"]\nloss = 1.1', 'fault[0].loss', /a number from 0 to 1/],
] as const) {
  t.test(`${what} is refused`, t => {
    const issues = issuesOf(() => parse(`${ring(3)}[[fault]]\nat = "1s"\nfor = "1s"\n${text}`))
    t.match(issues, [{ key, problem }])
    t.end()
  })
}

t.test('a fault that is over at once is refused', t => {
  const issues = issuesOf(() => parse(`${ring(3)}[[fault]]\nat = "1s"\nfor = "0s"\ndo = "cut"\nhosts = ["host1"]`))
  t.match(issues, [{ key: 'fault[0].for', problem: /longer than nothing/ }])
  t.end()
})

t.test('faults of one host may not meet, those of several may', t => {
  const two = (second: string, at: string) =>
    `${ring(3)}[[fault]]\nat = "1s"\nfor = "3s"\ndo = "cut"\nhosts = ["host1"]\n` +
    `[[fault]]\nat = "${at}"\nfor = "1s"\ndo = "kill"\nhosts = ["${second}"]`
  t.match(
    issuesOf(() => parse(two('vm1', '2s'))),
    [{ key: 'fault[1].at', problem: /meets fault\[0\] on host1/ }],
  )
  t.equal(parse(two('host2', '2s')).faults.length, 2)
  t.equal(parse(two('host1', '4s')).faults.length, 2)
  t.end()
})

t.test('a bridge of the kernel neither loses frames nor delays them', t => {
  const text = `${ring(3)}network = "tap"\n[[fault]]\nat = "1s"\nfor = "1s"\ndo = "impair"\nhosts = ["host1"]\nloss = 0.1`
  t.match(
    issuesOf(() => parse(text)),
    [{ key: 'fault[0].do', problem: /needs hosts.network = "switch"/ }],
  )
  t.end()
})

t.test('links are cut, on one host too', t => {
  const { faults } = parse(`${ring(1)}[[fault]]\nat = "1s"\nfor = "2s"\ndo = "cut"\nlinks = [[3, 4], [1, 6]]`)
  t.match(faults, [
    {
      atS: 1,
      forS: 2,
      op: 'cut',
      hosts: [],
      links: [
        [3, 4],
        [1, 6],
      ],
    },
  ])
  t.end()
})

for (const [what, text, key, problem] of [
  ['a link that is not there', 'do = "cut"\nlinks = [[1, 3]]', 'fault[0].links', /no link between 1 and 3/],
  ['a node that is not there', 'do = "cut"\nlinks = [[6, 7]]', 'fault[0].links', /no link between 6 and 7/],
  ['no link', 'do = "cut"\nlinks = []', 'fault[0].links', /at least one link/],
  ['a link that is killed', 'do = "kill"\nlinks = [[1, 2]]', 'fault[0].do', /links are cut/],
  ['links and hosts', 'do = "cut"\nhosts = ["host1"]\nlinks = [[1, 2]]', 'fault[0].hosts', /does not go with links/],
] as const)
  t.test(`${what} is refused`, t => {
    const issues = issuesOf(() => parse(`${ring(2)}[[fault]]\nat = "1s"\nfor = "1s"\n${text}`))
    t.match(issues, [{ key, problem }])
    t.end()
  })

t.test('links are not looked for in a topology that is wrong itself', t => {
  const text =
    '[controller]\ntopology = { type = "ring" }\n[[fault]]\nat = "1s"\nfor = "1s"\ndo = "cut"\nlinks = [[3, 4]]'
  t.match(
    issuesOf(() => parse(text)),
    [{ key: 'controller.topology.ring_config' }],
  )
  t.equal(issuesOf(() => parse(text)).length, 1)
  t.end()
})

t.test('cuts of one link may not meet, however it is written', t => {
  const two = (other: string) =>
    `${ring(1)}[[fault]]\nat = "1s"\nfor = "3s"\ndo = "cut"\nlinks = [[1, 2]]\n` +
    `[[fault]]\nat = "2s"\nfor = "1s"\ndo = "cut"\nlinks = [${other}]`
  t.match(
    issuesOf(() => parse(two('[2, 1]'))),
    [{ key: 'fault[1].at', problem: /meets fault\[0\] on link 1-2/ }],
  )
  t.equal(parse(two('[2, 3]')).faults.length, 2)
  t.end()
})

t.test('one host alone has nobody to be cut off from', t => {
  const issues = issuesOf(() => parse(`${ring(1)}[[fault]]\nat = "1s"\nfor = "1s"\ndo = "cut"\nhosts = ["host1"]`))
  t.match(issues, [{ key: 'fault[0].do', problem: /needs several hosts/ }])
  t.end()
})
