// RFC 6455 sections 5.1 to 5.6: the frames of a client, right and wrong, by their effect. Behind what
// is right comes a Close, which must be answered; what is wrong is answered with a Close by its last
// byte, and nothing behind it is.

import { test } from 'node:test';

import { frame, OP } from '../integration/support/frames.mjs';
import { startStill } from './support/servers.mjs';
import { ends, goesOn, runFrameTable } from './support/tables.mjs';

const LIMIT = 70_000; // MAX_MESSAGE_SIZE

const all = (...frames) => Buffer.concat(frames);
const ping = (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
const text = (id) => frame(OP.TEXT, ping(id));
/** A request of exactly so many bytes. */
function requestOf(size) {
  const [head, tail] = [`${ping(1).slice(0, -1)},"params":{"fill":"`, '"}}'];
  return head + 'x'.repeat(size - head.length - tail.length) + tail;
}

const heads = [
  ['rfc6455 5.1', 'a masked frame', text(1), goesOn('answer 1')],
  ['rfc6455 5.3', 'a mask of zeros',
    Buffer.concat([Buffer.of(0x81, 0x80 | ping(1).length, 0, 0, 0, 0), Buffer.from(ping(1))]),
    goesOn('answer 1')],
  ...[['text', OP.TEXT], ['ping', OP.PING], ['pong', OP.PONG], ['Close', OP.CLOSE]].map(([name, op]) =>
    ['rfc6455 5.1', `a ${name} that is not masked is 1002`,
      frame(op, '', { masked: false }), ends('close 1002')]),
  ['rfc6455 5.1', 'a continuation that is not masked is 1002',
    all(frame(OP.TEXT, '{', { fin: false }), frame(OP.CONT, '', { masked: false })),
    ends('close 1002')],
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) =>
    ['rfc6455 5.2', `reserved bits ${rsv.toString(2).padStart(3, '0')} in a text are 1002`,
      frame(OP.TEXT, ping(1), { rsv }), ends('close 1002')]),
  ...[1, 2, 4].flatMap((rsv) => [
    ['rfc6455 5.2', `reserved bit ${rsv} in a continuation is 1002`,
      all(frame(OP.TEXT, '{', { fin: false }), frame(OP.CONT, '}', { rsv })), ends('close 1002')],
    ['rfc6455 5.2', `reserved bit ${rsv} in a ping is 1002`,
      frame(OP.PING, '', { rsv }), ends('close 1002')],
    ['rfc6455 5.2', `reserved bit ${rsv} in a Close is 1002`,
      frame(OP.CLOSE, '', { rsv }), ends('close 1002')],
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((op) => [
    ['rfc6455 5.2', `opcode ${op} is 1002`, frame(op, ''), ends('close 1002')],
    ['rfc6455 5.2', `opcode ${op} within a message is 1002`,
      all(frame(OP.TEXT, '{', { fin: false }), frame(op, 'x')), ends('close 1002')],
    ['rfc6455 5.2', `opcode ${op} behind a message is 1002`,
      all(text(1), frame(op, 'x')), ends('answer 1', 'close 1002')],
  ]),
  ['rfc6455 5.6', 'binary is 1003: this server takes text',
    frame(OP.BINARY, ping(1)), ends('close 1003')],
  ['rfc6455 5.6', 'binary is 1003 by its head',
    frame(OP.BINARY, '', { announced: 100 }), ends('close 1003')],
  ['rfc6455 5.6', 'the first fragment of binary is 1003',
    frame(OP.BINARY, 'x', { fin: false }), ends('close 1003')],
];

const lengths = [
  ...[125, 126, 127, 128, 65535, 65536].map((size) =>
    ['rfc6455 5.2', `a message of ${size} bytes`,
      frame(OP.TEXT, requestOf(size)), goesOn('answer 1')]),
  ['rfc6455 5.2', 'an empty message is not JSON', frame(OP.TEXT, ''), goesOn('answer null')],
  ...[0, 1, 125].map((size) =>
    ['rfc6455 5.2', `16 bits for a length of ${size} are 1002`,
      frame(OP.TEXT, 'x'.repeat(size), { lengthBytes: 2 }), ends('close 1002')]),
  ...[0, 125, 126, 65535].map((size) =>
    ['rfc6455 5.2', `64 bits for a length of ${size} are 1002`,
      frame(OP.TEXT, 'x'.repeat(size), { lengthBytes: 8 }), ends('close 1002')]),
  ['rfc6455 5.2', 'the highest bit of a 64-bit length is 1002',
    frame(OP.TEXT, '', { announced: 2n ** 63n }), ends('close 1002')],
  ['rfc6455 5.2', 'all bits of a 64-bit length are 1002',
    frame(OP.TEXT, '', { announced: 2n ** 64n - 1n }), ends('close 1002')],
  ['rfc6455 10.4', 'a message of the limit', frame(OP.TEXT, requestOf(LIMIT)), goesOn('answer 1')],
  ['rfc6455 7.4.1', 'a message one byte above the limit is 1009, by its head',
    frame(OP.TEXT, '', { announced: LIMIT + 1 }), ends('close 1009')],
  ['rfc6455 7.4.1', 'a length of 32 bits is 1009',
    frame(OP.TEXT, '', { announced: 2n ** 32n }), ends('close 1009')],
  ['rfc6455 7.4.1', 'the largest length of 63 bits is 1009',
    frame(OP.TEXT, '', { announced: 2n ** 63n - 1n }), ends('close 1009')],
  ['rfc6455 7.4.1', 'fragments one byte above the limit are 1009, by the last head',
    all(frame(OP.TEXT, 'x'.repeat(LIMIT), { fin: false }), frame(OP.CONT, '', { announced: 1 })),
    ends('close 1009')],
  ['rfc6455 7.4.1', 'fragments whose sum wraps around are 1009',
    all(frame(OP.TEXT, 'xx', { fin: false }), frame(OP.CONT, '', { announced: 2n ** 63n - 1n })),
    ends('close 1009')],
  ['rfc6455 10.4', 'fragments of the limit', all(
    frame(OP.TEXT, requestOf(LIMIT).slice(0, 35_000), { fin: false }),
    frame(OP.CONT, requestOf(LIMIT).slice(35_000))),
  goesOn('answer 1')],
  ['rfc6455 10.4', 'the limit is for each message', all(
    frame(OP.TEXT, requestOf(40_000)), frame(OP.TEXT, requestOf(40_000))),
    goesOn('answer 1', 'answer 1')],
];

/** The request, each byte a fragment of its own, with `between` behind each but the last. */
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
  ['rfc6455 5.4', 'two fragments', all(open, otherHalf), goesOn('answer 1')],
  ['rfc6455 5.4', 'each byte a fragment', scattered(1), goesOn('answer 1')],
  ['rfc6455 5.4', 'empty fragments at the start, in the middle and at the end', all(
    frame(OP.TEXT, '', { fin: false }), frame(OP.CONT, ping(1).slice(0, 9), { fin: false }),
    frame(OP.CONT, '', { fin: false }), frame(OP.CONT, ping(1).slice(9), { fin: false }), frame(OP.CONT, '')),
  goesOn('answer 1')],
  ['rfc6455 5.4', 'nothing but empty fragments is an empty message', all(
    frame(OP.TEXT, '', { fin: false }), frame(OP.CONT, '', { fin: false }), frame(OP.CONT, '')),
    goesOn('answer null')],
  ['rfc6455 5.4', 'a ping between fragments is answered at once',
    all(open, frame(OP.PING, 'mid'), otherHalf),
    goesOn('pong mid', 'answer 1')],
  ['rfc6455 5.4', 'a pong between fragments is ignored',
    all(open, frame(OP.PONG, 'mid'), otherHalf), goesOn('answer 1')],
  ['rfc6455 5.4', 'a ping between all fragments',
    scattered(1, (i) => frame(OP.PING, `${i}`)),
    goesOn(...Array.from({ length: ping(1).length - 1 }, (_, i) => `pong ${i}`), 'answer 1')],
  ['rfc6455 5.4', 'a Close between fragments ends it',
    all(open, frame(OP.CLOSE, Buffer.of(3, 232))), ends('close 1000')],
  ['rfc6455 5.4', 'a message behind a fragmented one',
    all(open, otherHalf, text(2)), goesOn('answer 1', 'answer 2')],
  ['rfc6455 5.4', 'fragmented messages one after the other',
    all(scattered(1), scattered(2)), goesOn('answer 1', 'answer 2')],
  ['rfc6455 5.4', 'a last continuation of nothing is 1002',
    frame(OP.CONT, ping(1)), ends('close 1002')],
  ['rfc6455 5.4', 'a first continuation of nothing is 1002',
    frame(OP.CONT, 'x', { fin: false }), ends('close 1002')],
  ['rfc6455 5.4', 'an empty continuation of nothing is 1002',
    frame(OP.CONT, ''), ends('close 1002')],
  ['rfc6455 5.4', 'a continuation behind a whole message is 1002', all(text(1), frame(OP.CONT, '')),
    ends('answer 1', 'close 1002')],
  ['rfc6455 5.4', 'a continuation behind the last is 1002',
    all(open, otherHalf, frame(OP.CONT, '')),
    ends('answer 1', 'close 1002')],
  ['rfc6455 5.4', 'a text within a message is 1002', all(open, text(2)), ends('close 1002')],
  ['rfc6455 5.4', 'a first fragment within a message is 1002', all(open, open), ends('close 1002')],
  ['rfc6455 5.4', 'a binary within a message is 1002',
    all(open, frame(OP.BINARY, 'x')), ends('close 1002')],
];

const controls = [
  ...[0, 1, 124, 125].map((size) =>
    ['rfc6455 5.5', `a ping of ${size} bytes comes back`, frame(OP.PING, 'p'.repeat(size)),
      goesOn(`pong ${'p'.repeat(size)}`.trim())]),
  ...[['ping', OP.PING], ['pong', OP.PONG], ['Close', OP.CLOSE]].flatMap(([name, op]) => [
    ['rfc6455 5.5', `a ${name} of 126 bytes is refused with 1002`,
      frame(op, Buffer.alloc(126, 3)), ends('close 1002')],
    ['rfc6455 5.5', `a ${name} of 65536 bytes is refused with 1002`,
      frame(op, Buffer.alloc(65536, 3)), ends('close 1002')],
    ['rfc6455 5.5', `a ${name} with 16 bits for its length is refused with 1002`,
      frame(op, 'x', { lengthBytes: 2 }), ends('close 1002')],
    ['rfc6455 5.5', `a ${name} in fragments is refused with 1002`,
      frame(op, '', { fin: false }), ends('close 1002')],
    ['rfc6455 5.5', `a ${name} in fragments within a message is refused with 1002`,
      all(open, frame(op, '', { fin: false })), ends('close 1002')],
  ]),
  ['rfc6455 5.5.2', 'a ping of any bytes is answered',
    frame(OP.PING, 'a\tb c'), goesOn('pong a\tb c')],
  ['rfc6455 5.5.2', 'every ping of many is answered, in order',
    all(...Array.from({ length: 10 }, (_, i) => frame(OP.PING, `${i}`))),
    goesOn(...Array.from({ length: 10 }, (_, i) => `pong ${i}`))],
  ['rfc6455 5.5.2', 'pings and messages are answered in their order',
    all(text(1), frame(OP.PING, 'a'), text(2), frame(OP.PING, 'b')),
    goesOn('answer 1', 'pong a', 'answer 2', 'pong b')],
  ['rfc6455 5.5.3', 'a pong that nobody asked for is ignored',
    all(frame(OP.PONG, 'unasked'), text(1)), goesOn('answer 1')],
  ['rfc6455 5.5.3', 'an empty pong is ignored',
    all(frame(OP.PONG, ''), frame(OP.PONG, ''), text(1)), goesOn('answer 1')],
  ['rfc6455 7.1.7', 'nothing behind a violation is executed',
    all(text(1), frame(OP.BINARY, 'x'), text(2), frame(OP.PING, 'p')),
    ends('answer 1', 'close 1003')],
];

test('framing', async (t) => {
  const server = await startStill(t, { MAX_MESSAGE_SIZE: String(LIMIT) });
  await runFrameTable(t, server, [...heads, ...lengths, ...fragments, ...controls]);
});
