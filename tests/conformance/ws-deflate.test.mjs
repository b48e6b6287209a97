// RFC 7692: the negotiation of permessage-deflate, and the messages of a client that uses it. Every row
// also reads compressed messages of the server.

import { test } from 'node:test';

import { compressed, deflateMessage, frame, OP, RSV1 } from '../integration/support/frames.mjs';
import { startStill } from './support/servers.mjs';
import { ends, goesOn, handshake, runDeflateTable, runHandshakeTable } from './support/tables.mjs';

const LIMIT = 70_000; // MAX_MESSAGE_SIZE
const ON = {
  ENABLE_COMPRESSION: 'true', COMPRESSION_MIN_SIZE: '0', MAX_MESSAGE_SIZE: String(LIMIT),
};
const DEFLATE = 'permessage-deflate';
const OURS = `${DEFLATE}; server_no_context_takeover; client_no_context_takeover`;

const offering = (offer) => handshake({ 'Sec-WebSocket-Extensions': offer });
const agreed = (section, what, offer, more = '') =>
  [section, `accepts ${what}`, offering(offer), goesOn(`101 ${OURS}${more}`)];
const declined = (section, offer) => [section, `declines ${offer}`, offering(offer), goesOn('101')];

const offers = [
  agreed('rfc7692 7.1', 'an offer without parameters', DEFLATE),
  agreed('rfc7692 7.1.1.1', 'server_no_context_takeover', `${DEFLATE}; server_no_context_takeover`),
  agreed('rfc7692 7.1.1.2', 'client_no_context_takeover', `${DEFLATE}; client_no_context_takeover`),
  ...[9, 10, 11, 12, 13, 14, 15].flatMap((bits) => [
    agreed('rfc7692 7.1.2.1', `server_max_window_bits=${bits}`,
      `${DEFLATE}; server_max_window_bits=${bits}`, `; server_max_window_bits=${bits}`),
    agreed('rfc7692 7.1.2.2', `client_max_window_bits=${bits} without an answer`,
      `${DEFLATE}; client_max_window_bits=${bits}`),
  ]),
  agreed('rfc7692 7.1.2.2', 'client_max_window_bits=8', `${DEFLATE}; client_max_window_bits=8`),
  agreed('rfc7692 7.1.2.2', 'client_max_window_bits without a value', `${DEFLATE}; client_max_window_bits`),
  agreed('rfc6455 9.1', 'a value in quotes', `${DEFLATE}; server_max_window_bits="\\1\\0"`, '; server_max_window_bits=10'),
  ...['mystery', 'mystery=1', 'client_max_window_bits; client_max_window_bits=15',
    'server_no_context_takeover; server_no_context_takeover', 'server_no_context_takeover=1',
    'client_no_context_takeover="true"', 'server_max_window_bits', 'server_max_window_bits=7',
    'server_max_window_bits=16', 'server_max_window_bits=09', 'client_max_window_bits=7',
    'client_max_window_bits=16', 'client_max_window_bits=010',
  ].map((parameters) => declined('rfc7692 7.1', `${DEFLATE}; ${parameters}`)),
  declined('rfc7692 7.1.2.1', `${DEFLATE}; server_max_window_bits=8`),
  declined('rfc7692 9', 'x-webkit-deflate-frame'),
  agreed('rfc7692 5.1', 'the first offer that it supports',
    `foo; a="b", ${DEFLATE}; mystery, ${DEFLATE}; server_max_window_bits=12, ${DEFLATE}`, '; server_max_window_bits=12'),
  ['rfc6455 9.1', 'accepts an offer in a second line', handshake().replace(/\r\n$/,
    `Sec-WebSocket-Extensions: ${DEFLATE}; mystery\r\nSec-WebSocket-Extensions: ${DEFLATE}\r\n\r\n`), goesOn(`101 ${OURS}`)],
];

const all = (...frames) => Buffer.concat(frames);
const ping = (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
const plain = (id) => frame(OP.TEXT, ping(id));
const bit = { rsv: RSV1 };
const payload = deflateMessage(ping(1));
const message = (bytes) => frame(OP.TEXT, bytes, bit);
const [head, tail] = [payload.subarray(0, 7), payload.subarray(7)];
const stored = (first) => {
  const bytes = Buffer.from(ping(1));
  return Buffer.concat([Buffer.of(first, bytes.length, 0, ~bytes.length & 0xff, 0xff), bytes]);
};
/** A request of exactly `size` bytes. */
const requestOf = (size) => ping(1) + ' '.repeat(size - ping(1).length);

const messages = [
  ['rfc7692 6.1', 'answers a compressed message', compressed(ping(1)), goesOn('answer 1')],
  ['rfc7692 6.1', 'answers compressed and uncompressed messages in turn', all(plain(1), compressed(ping(2)), plain(3)),
    goesOn('answer 1', 'answer 2', 'answer 3')],
  ['rfc7692 6.1', 'accepts fragments with the bit in the first one',
    all(frame(OP.TEXT, head, { ...bit, fin: false }), frame(OP.CONT, tail)), goesOn('answer 1')],
  ['rfc7692 6.1', 'accepts empty fragments',
    all(frame(OP.TEXT, '', { ...bit, fin: false }), frame(OP.CONT, payload, { fin: false }), frame(OP.CONT, '')), goesOn('answer 1')],
  ['rfc7692 6.1', 'answers an uncompressed ping between fragments',
    all(frame(OP.TEXT, head, { ...bit, fin: false }), frame(OP.PING, 'p'), frame(OP.CONT, tail)), goesOn('pong p', 'answer 1')],
  ['rfc7692 6.1', 'closes with 1002 on the bit in a continuation',
    all(frame(OP.TEXT, head, { ...bit, fin: false }), frame(OP.CONT, tail, bit)), ends('close 1002')],
  ['rfc7692 6.1', 'closes with 1002 on the bit in a continuation of an uncompressed message',
    all(frame(OP.TEXT, '{', { fin: false }), frame(OP.CONT, '}', bit)), ends('close 1002')],
  ...[['ping', OP.PING], ['pong', OP.PONG], ['Close', OP.CLOSE]].map(([name, op]) =>
    ['rfc7692 6.1', `closes with 1002 on the bit in a ${name}`, frame(op, '', bit), ends('close 1002')]),
  ...[1, 2, 3, 5, 6, 7].map((rsv) =>
    ['rfc6455 5.2', `closes with 1002 on reserved bits ${rsv.toString(2).padStart(3, '0')}`, frame(OP.TEXT, payload, { rsv }), ends('close 1002')]),
  ['rfc6455 5.6', 'closes with 1003 on a compressed binary message', frame(OP.BINARY, payload, bit), ends('close 1003')],
];

const blocks = [
  ['rfc7692 7.2.3.3', 'accepts a stored block', message(Buffer.concat([stored(0), Buffer.of(0)])), goesOn('answer 1')],
  ['rfc7692 7.2.3.4', 'accepts a final block', message(Buffer.concat([stored(1), Buffer.of(0)])), goesOn('answer 1')],
  ['rfc7692 7.2.3.5', 'accepts two blocks', message(Buffer.concat([
    deflateMessage(ping(1).slice(0, 9)), Buffer.of(0, 0, 0xff, 0xff), deflateMessage(ping(1).slice(9)),
  ])), goesOn('answer 1')],
  ['rfc7692 7.2.3.6', 'accepts an empty message', message(Buffer.of(0)), goesOn('answer null')],
  ['rfc7692 7.2.2', 'closes with 1007 on an empty payload', message(''), ends('close 1007')],
  ['rfc7692 7.2.2', 'closes with 1007 on data that are not DEFLATE', message(ping(1)), ends('close 1007')],
  ['rfc7692 7.2.2', 'closes with 1007 on half a block', message(head), ends('close 1007')],
  ['rfc7692 7.2.2', 'closes with 1007 on a byte after a block', message(Buffer.concat([payload, Buffer.of(6)])), ends('close 1007')],
  ['rfc7692 7.2.1', 'closes with 1007 on a tail that should be omitted',
    message(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)])), ends('close 1007')],
  ['rfc7692 7.2.1', 'closes with 1007 on a final block with nothing after it', message(stored(1)), ends('close 1007')],
  ['rfc7692 7.1.1.2', 'closes with 1007 on a reference to the previous message', all(compressed(ping(1)),
    message(deflateMessage(ping(1), { dictionary: Buffer.from(ping(1)) }))), ends('answer 1', 'close 1007')],
  ['rfc6455 8.1', 'closes with 1007 on text that is not UTF-8', message(deflateMessage(Buffer.of(0x22, 0xff, 0x22))), ends('close 1007')],
  ['rfc6455 8.1', 'closes with 1007 on a character that is cut off', message(deflateMessage(Buffer.of(0xe2, 0x82))), ends('close 1007')],
  ['rfc6455 10.4', 'accepts a message that inflates to the limit', compressed(requestOf(LIMIT)), goesOn('answer 1')],
  ['rfc6455 10.4', 'closes with 1009 on a message that inflates to one byte more', compressed(requestOf(LIMIT + 1)), ends('close 1009')],
  ['rfc6455 10.4', 'closes with 1009 on a message that inflates to far more', compressed(Buffer.alloc(100 * LIMIT)), ends('close 1009')],
  ['rfc6455 10.4', 'closes with 1009 on a compressed size over the limit', frame(OP.TEXT, '', { ...bit, announced: LIMIT + 1 }), ends('close 1009')],
];

test('permessage-deflate', async (t) => {
  const server = await startStill(t, ON);
  await runHandshakeTable(t, server, offers);
  await runDeflateTable(t, server, [...messages, ...blocks], [DEFLATE, OURS]);
});

test('permessage-deflate without ENABLE_COMPRESSION', async (t) => {
  const server = await startStill(t);
  await runDeflateTable(t, server, [
    ['rfc7692 5.1', 'does not accept the offer', plain(1), goesOn('answer 1')],
    ['rfc7692 6.1', 'closes with 1002 on a compressed message', compressed(ping(1)), ends('close 1002')],
  ], [DEFLATE, undefined]);
});
