import t from 'tap'
import { JoinWindow } from '../../src/dataplane/join-window.ts'
import { JOINS_IN_FLIGHT } from '../../src/dataplane/limits.ts'

function filled(): JoinWindow {
  const window = new JoinWindow()
  while (window.hasRoom) window.begun()
  return window
}

t.test('joins that land keep the window open', async t => {
  const window = filled()
  for (let i = 0; i < JOINS_IN_FLIGHT; i++) window.landed()
  t.equal(window.limit, JOINS_IN_FLIGHT)
  t.ok(window.isIdle)
})

t.test('a round of late joins halves the window once, the next round again, down to one', async t => {
  const window = filled()
  let limit = JOINS_IN_FLIGHT
  while (limit > 1) {
    for (let i = 0; i < limit; i++) window.late()
    t.ok(window.isIdle)
    limit /= 2
    t.equal(window.limit, limit)
    while (window.hasRoom) window.begun()
  }
  window.late()
  t.equal(window.limit, 1)
})

t.test('a late one among those begun before the halving says nothing new, one begun after it does', async t => {
  const window = filled()
  window.late()
  t.equal(window.limit, JOINS_IN_FLIGHT / 2)
  for (let i = 1; i < JOINS_IN_FLIGHT; i++) window.ended()
  window.begun()
  window.late()
  t.equal(window.limit, JOINS_IN_FLIGHT / 4)
})

t.test('each that lands widens it again', async t => {
  const window = filled()
  for (let i = 0; i < JOINS_IN_FLIGHT; i++) window.late()
  window.begun()
  window.landed()
  t.equal(window.limit, JOINS_IN_FLIGHT / 2 + 1)
})
