// RFC 6455 frames, valid and invalid: a test may set fields that a client must not set.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

export const RSV1 = 4; // set in a compressed message (RFC 7692)
export const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

function lengthField(length, bytes) {
  const size = bytes ?? (length < 126 ? 0 : length < 65536 ? 2 : 8);
  const field = Buffer.alloc(1 + size);
  field[0] = size === 0 ? length : size === 2 ? 126 : 127;
  if (size === 2) field.writeUInt16BE(length, 1);
  if (size === 8) field.writeBigUInt64BE(BigInt(length), 1);
  return field;
}

/**
 * A frame as a client sends it. `lengthBytes` forces the form of the length (0, 2 or 8); `announced`
 * replaces the length of the payload.
 */
export function frame(op, payload = '', how = {}) {
  const { fin = true, rsv = 0, masked = true, lengthBytes, announced } = how;
  const data = Buffer.from(payload);
  const length = lengthField(announced ?? data.length, lengthBytes);
  const first = Buffer.of((fin ? 0x80 : 0) | (rsv << 4) | op);
  if (!masked) return Buffer.concat([first, length, data]);
  length[0] |= 0x80;
  const mask = randomBytes(4);
  return Buffer.concat([first, length, mask, data.map((byte, i) => byte ^ mask[i % 4])]);
}

export function closeFrame(code, reason = '') {
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  payload.writeUInt16BE(code);
  return frame(OP.CLOSE, payload);
}

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** The payload of a message, compressed as in RFC 7692 7.2.1. */
export function deflateMessage(text, options = {}) {
  const finishFlush = constants.Z_SYNC_FLUSH;
  const blocks = deflateRawSync(Buffer.from(text), { finishFlush, ...options });
  assert.deepEqual(blocks.subarray(-TAIL.length), TAIL);
  return blocks.subarray(0, -TAIL.length);
}

/** The text of a compressed payload (7.2.2) made for a window of `windowBits` bits. */
export function inflateMessage(payload, windowBits = 15) {
  const finishFlush = constants.Z_SYNC_FLUSH;
  return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush, windowBits }).toString();
}

/** A complete compressed text message. */
export function compressed(text, how = {}) {
  return frame(OP.TEXT, deflateMessage(text), { rsv: RSV1, ...how });
}

/** The length of the payload of the frame at the start of `bytes`, and where the payload begins. */
function readLength(bytes) {
  const short = bytes[1] & 0x7f;
  if (short < 126) return { length: short, at: 2 };
  const at = short === 126 ? 4 : 10;
  if (bytes.length < at) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  assert.ok(length >= (short === 126 ? 126 : 65536), 'the server sent a longer length than needed');
  return { length, at };
}

/**
 * The first frame in bytes that a server sent: { op, fin, compressed, payload, size }, or null when it
 * is incomplete. Fails the test if the server breaks a rule of RFC 6455.
 */
export function parseFrame(bytes, { mayCompress = false } = {}) {
  if (bytes.length < 2) return null;
  assert.equal(bytes[0] & (mayCompress ? 0x30 : 0x70), 0, 'reserved bits are clear');
  assert.equal(bytes[1] & 0x80, 0, 'the server does not mask');
  const head = readLength(bytes);
  if (!head || bytes.length < head.at + head.length) return null;
  const size = head.at + head.length;
  const payload = bytes.subarray(head.at, size);
  const [fin, compressed] = [0x80, RSV1 << 4].map((bit) => (bytes[0] & bit) !== 0);
  const op = bytes[0] & 0x0f;
  assert.ok(!compressed || op === OP.TEXT, 'only messages are compressed');
  return { op, fin, compressed, payload, size };
}

/** { code, reason } of a Close frame; code is null when there is none. */
export function parseClose(received) {
  assert.equal(received.op, OP.CLOSE, `a Close, not: ${received.payload}`);
  if (received.payload.length === 0) return { code: null, reason: '' };
  const { payload } = received;
  return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
}
