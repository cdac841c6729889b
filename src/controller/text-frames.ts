// WebSocket frames of a server, whole and unmasked. Pure; RFC 6455, section 5.2.

const TEXT = 0x81

/** One frame for each text, in one buffer. */
export function textFrames(texts: readonly string[]): Buffer {
  let size = 0
  for (const text of texts) size += sizeOf(Buffer.byteLength(text))
  const frames = Buffer.allocUnsafe(size)
  let at = 0
  for (const text of texts) {
    const bytes = Buffer.byteLength(text)
    frames[at] = TEXT
    if (bytes < 126) frames[at + 1] = bytes
    else if (bytes < 65_536) {
      frames[at + 1] = 126
      frames.writeUInt16BE(bytes, at + 2)
    } else {
      frames[at + 1] = 127
      frames.writeBigUInt64BE(BigInt(bytes), at + 2)
    }
    const end = at + sizeOf(bytes)
    frames.write(text, end - bytes, 'utf8')
    at = end
  }
  return frames
}

/** A ping, a pong or a close: at most 125 bytes. */
export function controlFrame(opcode: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.length)
  frame[0] = 0x80 | opcode
  frame[1] = payload.length
  payload.copy(frame, 2)
  return frame
}

/** A frame's bytes, its length's field included. */
function sizeOf(payloadBytes: number): number {
  return payloadBytes + (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10)
}
