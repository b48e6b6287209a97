// RFC 6455 sections 5.1 to 5.6: valid and invalid frames of a client. After valid frames a Close follows
// and must be answered. Invalid frames are answered with a Close at their last byte at the latest, and
// nothing after them is answered.

import { test } from 'node:test';

import { frame, OP } from '../integration/support/frames.mjs';
import { startStill } from './support/servers.mjs';
import { ends, goesOn, runFrameTable } from './support/tables.mjs';

const LIMIT = 70_000; // MAX_MESSAGE_SIZE

const all = (...frames) => Buffer.concat(frames);
const ping = (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
const text = (id) => frame(OP.TEXT, ping(id));
/** A request of exactly `size` bytes. */
function requestOf(size) {
  const [head, tail] = [`${ping(1).slice(0, -1)},"params":{"fill":"`, '"}}'];
  return head + 'x'.repeat(size - head.length - tail.length) + tail;
}

const heads = [
  ['rfc6455 5.1', 'answers a masked frame', text(1), goesOn('answer 1')],
  ['rfc6455 5.3', 'accepts a mask of zeros',
    Buffer.concat([Buffer.of(0x81, 0x80 | ping(1).length, 0, 0, 0, 0), Buffer.from(ping(1))]),
    goesOn('answer 1')],
  ...[['text', OP.TEXT], ['ping', OP.PING], ['pong', OP.PONG], ['Close', OP.CLOSE]].map(([name, op]) =>
    ['rfc6455 5.1', `closes with 1002 on a ${name} that is not masked`,
      frame(op, '', { masked: false }), ends('close 1002')]),
  ['rfc6455 5.1', 'closes with 1002 on a continuation that is not masked',
    all(frame(OP.TEXT, '{', { fin: false }), frame(OP.CONT, '', { masked: false })),
    ends('close 1002')],
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) =>
    ['rfc6455 5.2', `closes with 1002 on reserved bits ${rsv.toString(2).padStart(3, '0')} in a text`,
      frame(OP.TEXT, ping(1), { rsv }), ends('close 1002')]),
  ...[1, 2, 4].flatMap((rsv) => [
    ['rfc6455 5.2', `closes with 1002 on reserved bit ${rsv} in a continuation`,
      all(frame(OP.TEXT, '{', { fin: false }), frame(OP.CONT, '}', { rsv })), ends('close 1002')],
    ['rfc6455 5.2', `closes with 1002 on reserved bit ${rsv} in a ping`,
      frame(OP.PING, '', { rsv }), ends('close 1002')],
    ['rfc6455 5.2', `closes with 1002 on reserved bit ${rsv} in a Close`,
      frame(OP.CLOSE, '', { rsv }), ends('close 1002')],
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((op) => [
    ['rfc6455 5.2', `closes with 1002 on opcode ${op}`, frame(op, ''), ends('close 1002')],
    ['rfc6455 5.2', `closes with 1002 on opcode ${op} within a message`,
      all(frame(OP.TEXT, '{', { fin: false }), frame(op, 'x')), ends('close 1002')],
    ['rfc6455 5.2', `closes with 1002 on opcode ${op} after a message`,
      all(text(1), frame(op, 'x')), ends('answer 1', 'close 1002')],
  ]),
  ['rfc6455 5.6', 'closes with 1003 on binary',
    frame(OP.BINARY, ping(1)), ends('close 1003')],
  ['rfc6455 5.6', 'closes with 1003 on the head of a binary frame',
    frame(OP.BINARY, '', { announced: 100 }), ends('close 1003')],
  ['rfc6455 5.6', 'closes with 1003 on the first fragment of binary',
    frame(OP.BINARY, 'x', { fin: false }), ends('close 1003')],
];

const lengths = [
  ...[125, 126, 127, 128, 65535, 65536].map((size) =>
    ['rfc6455 5.2', `answers a message of ${size} bytes`,
      frame(OP.TEXT, requestOf(size)), goesOn('answer 1')]),
  ['rfc6455 5.2', 'answers an empty message with an error', frame(OP.TEXT, ''), goesOn('answer null')],
  ...[0, 1, 125].map((size) =>
    ['rfc6455 5.2', `closes with 1002 on 16 bits for a length of ${size}`,
      frame(OP.TEXT, 'x'.repeat(size), { lengthBytes: 2 }), ends('close 1002')]),
  ...[0, 125, 126, 65535].map((size) =>
    ['rfc6455 5.2', `closes with 1002 on 64 bits for a length of ${size}`,
      frame(OP.TEXT, 'x'.repeat(size), { lengthBytes: 8 }), ends('close 1002')]),
  ['rfc6455 5.2', 'closes with 1002 on the highest bit of a 64-bit length',
    frame(OP.TEXT, '', { announced: 2n ** 63n }), ends('close 1002')],
  ['rfc6455 5.2', 'closes with 1002 on all bits of a 64-bit length',
    frame(OP.TEXT, '', { announced: 2n ** 64n - 1n }), ends('close 1002')],
  ['rfc6455 10.4', 'accepts a message of the largest size', frame(OP.TEXT, requestOf(LIMIT)), goesOn('answer 1')],
  ['rfc6455 7.4.1', 'closes with 1009 on the head of a message one byte above the limit',
    frame(OP.TEXT, '', { announced: LIMIT + 1 }), ends('close 1009')],
  ['rfc6455 7.4.1', 'closes with 1009 on a length of 32 bits',
    frame(OP.TEXT, '', { announced: 2n ** 32n }), ends('close 1009')],
  ['rfc6455 7.4.1', 'closes with 1009 on the largest length of 63 bits',
    frame(OP.TEXT, '', { announced: 2n ** 63n - 1n }), ends('close 1009')],
  ['rfc6455 7.4.1', 'closes with 1009 on the head of the fragment that exceeds the limit',
    all(frame(OP.TEXT, 'x'.repeat(LIMIT), { fin: false }), frame(OP.CONT, '', { announced: 1 })),
    ends('close 1009')],
  ['rfc6455 7.4.1', 'closes with 1009 on fragments whose sum wraps around',
    all(frame(OP.TEXT, 'xx', { fin: false }), frame(OP.CONT, '', { announced: 2n ** 63n - 1n })),
    ends('close 1009')],
  ['rfc6455 10.4', 'accepts fragments that reach the limit', all(
    frame(OP.TEXT, requestOf(LIMIT).slice(0, 35_000), { fin: false }),
    frame(OP.CONT, requestOf(LIMIT).slice(35_000))),
  goesOn('answer 1')],
  ['rfc6455 10.4', 'applies the limit to each message', all(
    frame(OP.TEXT, requestOf(40_000)), frame(OP.TEXT, requestOf(40_000))),
    goesOn('answer 1', 'answer 1')],
];

/** A request in fragments of one byte, with `between` after each but the last. */
function scattered(id, between = () => Buffer.alloc(0)) {
  const bytes = [...Buffer.from(ping(id))];
  return all(...bytes.map((byte, i) => {
    const piece = frame(i === 0 ? OP.TEXT : OP.CONT, Buffer.of(byte), { fin: i === bytes.length - 1 });
    return i === bytes.length - 1 ? piece : all(piece, between(i));
  }));
}

const half = (fin) => frame(OP.TEXT, ping(1).slice(0, 9), { fin });
const otherHalf = frame(OP.CONT, ping(1).slice(9));
const open = half(false);

const fragments = [
  ['rfc6455 5.4', 'accepts two fragments', all(open, otherHalf), goesOn('answer 1')],
  ['rfc6455 5.4', 'accepts fragments of one byte', scattered(1), goesOn('answer 1')],
  ['rfc6455 5.4', 'accepts empty fragments at the start, in the middle and at the end', all(
    frame(OP.TEXT, '', { fin: false }), frame(OP.CONT, ping(1).slice(0, 9), { fin: false }),
    frame(OP.CONT, '', { fin: false }), frame(OP.CONT, ping(1).slice(9), { fin: false }), frame(OP.CONT, '')),
  goesOn('answer 1')],
  ['rfc6455 5.4', 'takes empty fragments alone as an empty message', all(
    frame(OP.TEXT, '', { fin: false }), frame(OP.CONT, '', { fin: false }), frame(OP.CONT, '')),
    goesOn('answer null')],
  ['rfc6455 5.4', 'answers a ping between fragments at once',
    all(open, frame(OP.PING, 'mid'), otherHalf),
    goesOn('pong mid', 'answer 1')],
  ['rfc6455 5.4', 'ignores a pong between fragments',
    all(open, frame(OP.PONG, 'mid'), otherHalf), goesOn('answer 1')],
  ['rfc6455 5.4', 'answers pings between all fragments',
    scattered(1, (i) => frame(OP.PING, `${i}`)),
    goesOn(...Array.from({ length: ping(1).length - 1 }, (_, i) => `pong ${i}`), 'answer 1')],
  ['rfc6455 5.4', 'closes on a Close between fragments',
    all(open, frame(OP.CLOSE, Buffer.of(3, 232))), ends('close 1000')],
  ['rfc6455 5.4', 'answers a message after a fragmented one',
    all(open, otherHalf, text(2)), goesOn('answer 1', 'answer 2')],
  ['rfc6455 5.4', 'answers consecutive fragmented messages',
    all(scattered(1), scattered(2)), goesOn('answer 1', 'answer 2')],
  ['rfc6455 5.4', 'closes with 1002 on a final continuation without a message',
    frame(OP.CONT, ping(1)), ends('close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a continuation without a message',
    frame(OP.CONT, 'x', { fin: false }), ends('close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on an empty continuation without a message',
    frame(OP.CONT, ''), ends('close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a continuation after a whole message', all(text(1), frame(OP.CONT, '')),
    ends('answer 1', 'close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a continuation after the last one',
    all(open, otherHalf, frame(OP.CONT, '')),
    ends('answer 1', 'close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a text within a message', all(open, text(2)), ends('close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a first fragment within a message', all(open, open), ends('close 1002')],
  ['rfc6455 5.4', 'closes with 1002 on a binary within a message',
    all(open, frame(OP.BINARY, 'x')), ends('close 1002')],
];

const controls = [
  ...[0, 1, 124, 125].map((size) =>
    ['rfc6455 5.5', `answers a ping of ${size} bytes`, frame(OP.PING, 'p'.repeat(size)),
      goesOn(`pong ${'p'.repeat(size)}`.trim())]),
  ...[['ping', OP.PING], ['pong', OP.PONG], ['Close', OP.CLOSE]].flatMap(([name, op]) => [
    ['rfc6455 5.5', `refuses a ${name} of 126 bytes with 1002`,
      frame(op, Buffer.alloc(126, 3)), ends('close 1002')],
    ['rfc6455 5.5', `refuses a ${name} of 65536 bytes with 1002`,
      frame(op, Buffer.alloc(65536, 3)), ends('close 1002')],
    ['rfc6455 5.5', `refuses a ${name} with 16 bits for its length with 1002`,
      frame(op, 'x', { lengthBytes: 2 }), ends('close 1002')],
    ['rfc6455 5.5', `refuses a ${name} in fragments with 1002`,
      frame(op, '', { fin: false }), ends('close 1002')],
    ['rfc6455 5.5', `refuses a ${name} in fragments within a message with 1002`,
      all(open, frame(op, '', { fin: false })), ends('close 1002')],
  ]),
  ['rfc6455 5.5.2', 'answers a ping of any bytes',
    frame(OP.PING, 'a\tb c'), goesOn('pong a\tb c')],
  ['rfc6455 5.5.2', 'answers many pings in order',
    all(...Array.from({ length: 10 }, (_, i) => frame(OP.PING, `${i}`))),
    goesOn(...Array.from({ length: 10 }, (_, i) => `pong ${i}`))],
  ['rfc6455 5.5.2', 'answers pings and messages in order',
    all(text(1), frame(OP.PING, 'a'), text(2), frame(OP.PING, 'b')),
    goesOn('answer 1', 'pong a', 'answer 2', 'pong b')],
  ['rfc6455 5.5.3', 'ignores an unsolicited pong',
    all(frame(OP.PONG, 'unasked'), text(1)), goesOn('answer 1')],
  ['rfc6455 5.5.3', 'ignores an empty pong',
    all(frame(OP.PONG, ''), frame(OP.PONG, ''), text(1)), goesOn('answer 1')],
  ['rfc6455 7.1.7', 'executes nothing after a violation',
    all(text(1), frame(OP.BINARY, 'x'), text(2), frame(OP.PING, 'p')),
    ends('answer 1', 'close 1003')],
];

test('framing', async (t) => {
  const server = await startStill(t, { MAX_MESSAGE_SIZE: String(LIMIT) });
  await runFrameTable(t, server, [...heads, ...lengths, ...fragments, ...controls]);
});
