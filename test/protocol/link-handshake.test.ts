// The second codec of the link handshake: round trips, and everything that is no frame. Against the first one:
// test/net/links.

import t from 'tap'
import { Random } from '../../src/base/random.ts'
import {
  decodeHandshake,
  decodeToken,
  encodeHandshake,
  encodeToken,
  type FrameKind,
  frameKinds,
  HANDSHAKE_FRAME_BYTES,
  type HandshakeFrame,
  type RejectReason,
  rejectReasons,
} from '../../src/protocol/link-handshake.ts'

const runId = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const hello: HandshakeFrame = { kind: 'hello', reason: 'none', runId, sender: 17, intended: 18, incarnation: 2 }

t.test('a frame has the documented layout', async t => {
  const bytes = Buffer.from(
    encodeHandshake({ ...hello, kind: 'reject', reason: 'wrong_run', incarnation: 2 ** 40 + 1 }),
  )
  t.equal(
    bytes.toString('hex'),
    '4e534c4b01030300' + '0102030405060708090a0b0c0d0e0f10' + '00000011' + '00000012' + '0000010000000001',
  )
})

t.test('every frame survives a round trip', async t => {
  const seed = Number(process.env.NSLAB_SEED ?? 1)
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (const kind of Object.keys(frameKinds) as FrameKind[])
    for (const reason of Object.keys(rejectReasons) as RejectReason[]) {
      if (kind === 'token' || (kind === 'reject') !== (reason !== 'none')) continue
      const frame = {
        kind,
        reason,
        runId: Uint8Array.from({ length: 16 }, () => random.below(256)),
        sender: random.uint32(),
        intended: random.uint32(),
        incarnation: random.uint32() * 2 ** 20 + random.below(2 ** 20),
      }
      t.same(decodeHandshake(encodeHandshake(frame)), frame)
    }
})

t.test('a token has the documented layout, survives a round trip, and is no frame of a handshake', async t => {
  const token = { runId, sender: 17, intended: 18, walk: 0xfffffffe, hops: 800 }
  const bytes = Buffer.from(encodeToken(token))
  t.equal(
    bytes.toString('hex'),
    '4e534c4b01040000' + '0102030405060708090a0b0c0d0e0f10' + '00000011' + '00000012' + 'fffffffe' + '00000320',
  )
  t.same(decodeToken(bytes), token)
  t.equal(decodeHandshake(bytes), 'malformed')
  t.equal(decodeToken(encodeHandshake(hello)), 'malformed')
  t.equal(decodeToken(bytes.subarray(1)), 'malformed')
  t.equal(decodeToken(bytes.map((byte, i) => (i === 6 ? 1 : byte))), 'malformed', 'a token with a reason')
})

t.test('what is no frame is told', async t => {
  const changed = (at: number, value: number): Uint8Array =>
    encodeHandshake(hello).map((byte, i) => (i === at ? value : byte))
  t.equal(decodeHandshake(new Uint8Array()), 'malformed')
  t.equal(decodeHandshake(encodeHandshake(hello).subarray(1)), 'malformed')
  t.equal(decodeHandshake(new Uint8Array(HANDSHAKE_FRAME_BYTES + 1)), 'malformed')
  t.equal(decodeHandshake(changed(0, 0)), 'malformed')
  t.equal(decodeHandshake(changed(4, 2)), 'wrong_version')
  t.equal(decodeHandshake(changed(5, 0)), 'malformed')
  t.equal(decodeHandshake(changed(6, 1)), 'malformed', 'a hello with a reason')
  t.equal(decodeHandshake(changed(6, 255)), 'malformed')
  t.equal(decodeHandshake(changed(7, 1)), 'malformed')
  t.equal(decodeHandshake(changed(5, frameKinds.reject)), 'malformed', 'a reject without a reason')
})
