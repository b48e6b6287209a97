// permessage-deflate (RFC 7692) byte by byte: the negotiation, what is compressed, and violations.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  closeFrame, compressed, deflateMessage, frame, inflateMessage, OP, RSV1,
} from './support/frames.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket } from './support/socket.mjs';

const OURS = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const LIMIT = 65536;
const ON = { ENABLE_COMPRESSION: 'true', MAX_MESSAGE_SIZE: String(LIMIT), WORKER_THREADS: '1' };

function request(id, method, params) {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

function offering(...offers) {
  return Object.fromEntries(offers.map((offer, i) =>
    [i % 2 ? 'sec-websocket-extensions' : 'Sec-WebSocket-Extensions', offer]));
}

function openDeflating(t, server, offer = 'permessage-deflate', extensions = OURS) {
  return openWebSocket(t, server, { fields: offering(offer), extensions });
}

/** A ping of exactly so many bytes, most of them white space. */
function roomyPing(id, size) {
  const text = request(id, 'ping');
  return text + ' '.repeat(size - text.length);
}

/** A compressed message, a byte in each frame. */
function inFragments(payload) {
  return Buffer.concat([...payload].map((byte, i) => frame(i ? OP.CONT : OP.TEXT, Buffer.of(byte), {
    rsv: i ? 0 : RSV1,
    fin: i === payload.length - 1,
  })));
}

test('negotiation', async (t) => {
  const server = await startServer(t, ON);
  const cases = [
    [['permessage-deflate'], OURS],
    [['permessage-deflate; client_max_window_bits'], OURS], // what browsers offer
    [['foo, permessage-deflate; server_max_window_bits=9'], `${OURS}; server_max_window_bits=9`],
    [['permessage-deflate; server_max_window_bits=8',
      'permessage-deflate; server_max_window_bits=10'], `${OURS}; server_max_window_bits=10`],
    [['permessage-deflate; unknown'], undefined],
    [['permessage-deflate; server_max_window_bits=8'], undefined],
    [['x-webkit-deflate-frame'], undefined],
    [[''], undefined],
    [[], undefined],
  ];
  for (const [offers, extensions] of cases) {
    await t.test(`"${offers.join('" and "')}": ${extensions}`, async (t) => {
      const socket = await openWebSocket(t, server, { fields: offering(...offers), extensions });
      await socket.send(frame(OP.TEXT, request(1, 'ping')));
      assert.equal((await socket.readJson()).id, 1);
    });
  }

  await t.test('what is no list of extensions: 400', async (t) => {
    for (const offer of ['permessage-deflate;', 'a b', 'permessage-deflate; x="']) {
      const socket = await openSocket(t, server);
      await socket.send(handshake(offering(offer)));
      assert.equal((await socket.readResponse()).status, 400);
    }
  });

  await t.test('off by default', async (t) => {
    const plain = await startServer(t);
    const socket = await openWebSocket(t, plain, { fields: offering('permessage-deflate') });
    await socket.send(compressed(request(1, 'ping')));
    assert.equal((await socket.readClose()).code, 1002);
  });
});

test('what the server compresses', async (t) => {
  const server = await startServer(t, { ...ON, COMPRESSION_MIN_SIZE: '600' });
  const publisher = await openClient(t, server);
  const socket = await openDeflating(t, server);
  await socket.send(frame(OP.TEXT, request('the id', 'subscribe', { topic: 'a' })));
  assert.equal((await socket.readDataFrame()).compressed, false, 'a short answer');

  /** The frame of a delivery, and its text, for a message of this text. */
  async function deliver(message) {
    await publisher.publish('a', message);
    const received = await socket.readDataFrame();
    const { payload } = received;
    const text = received.compressed ? inflateMessage(payload) : payload.toString();
    const { id, result } = JSON.parse(text);
    assert.deepEqual([id, result.message], ['the id', message]);
    return { ...received, text };
  }

  await t.test('messages from the size on', async () => {
    const around = (await deliver('x')).text.length - 1;
    for (const size of [599, 600, 601, 40_000]) {
      const received = await deliver('x'.repeat(size - around));
      assert.equal(received.text.length, size);
      assert.equal(received.compressed, size >= 600);
      if (size > 600) assert.ok(received.payload.length < 300, `${received.payload.length}`);
    }
  });

  await t.test('only what becomes shorter by it', async (t) => {
    const all = await startServer(t, { ...ON, COMPRESSION_MIN_SIZE: '0' });
    const socket = await openDeflating(t, all);
    await socket.send(frame(OP.TEXT, request(1, 'subscribe', { topic: 'b' })));
    await socket.readJson();
    const seen = { true: 0, false: 0 };
    for (let n = 1; n <= 40; n++) {
      const text = 'x'.repeat(n); // an answer and a message with it
      await socket.send(frame(OP.TEXT, request(text, 'publish', { topic: 'b', message: text })));
      for (let i = 0; i < 2; i++) {
        const { compressed: isCompressed, payload } = await socket.readDataFrame();
        seen[isCompressed]++;
        if (isCompressed) assert.ok(payload.length < inflateMessage(payload).length, `at ${n}`);
      }
    }
    assert.ok(seen.true > 0 && seen.false > 0, JSON.stringify(seen));
  });

  await t.test('long answers, but none longer than MAX_MESSAGE_SIZE', async () => {
    for (const [limit, expected] of [[20, true], [1000, false]]) {
      await publisher.publishAll(`log/${limit}`, numbered('some text '.repeat(10), limit));
      const log = { topic: `log/${limit}`, since: -60_000 };
      await socket.send(compressed(request(limit, 'eventlog', log)));
      const received = await socket.readDataFrame();
      const { payload } = received;
      const text = received.compressed ? inflateMessage(payload) : payload.toString();
      assert.equal(JSON.parse(text).result.items.length, limit);
      assert.equal(text.length > LIMIT, !expected);
      assert.equal(received.compressed, expected);
    }
  });

  await t.test('within the window that was asked for', async (t) => {
    const far = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(20);
    const text = Array.from({ length: 40 }, (_, i) => `${far} ${i * 7919}`).join('');
    for (const bits of [9, 10, 12, 14, 15]) {
      const asked = `; server_max_window_bits=${bits}`;
      const narrow = await openDeflating(t, server, `permessage-deflate${asked}`, OURS + asked);
      await narrow.send(frame(OP.TEXT, request(bits, 'subscribe', { topic: 'narrow' })));
      await narrow.readJson();
      await publisher.publish('narrow', text);
      const { compressed: isCompressed, payload } = await narrow.readDataFrame();
      assert.ok(isCompressed);
      assert.equal(JSON.parse(inflateMessage(payload, bits)).result.message, text);
    }
  });
});

test('compressed messages of clients', async (t) => {
  const server = await startServer(t, ON);

  await t.test('in one frame, in many, with control frames between them', async (t) => {
    const socket = await openDeflating(t, server);
    const payload = deflateMessage(request('€ 🎈', 'ping'));
    await socket.send(frame(OP.TEXT, payload, { rsv: RSV1 }));
    assert.equal((await socket.readJson()).id, '€ 🎈');
    for (let cut = 0; cut <= payload.length; cut++) {
      await socket.send(Buffer.concat([
        frame(OP.TEXT, payload.subarray(0, cut), { rsv: RSV1, fin: false }),
        frame(OP.PING, 'between'),
        frame(OP.CONT, '', { fin: false }),
        frame(OP.CONT, payload.subarray(cut)),
      ]));
      assert.equal((await socket.readDataFrame()).op, OP.PONG);
      assert.equal((await socket.readJson()).id, '€ 🎈');
    }
  });

  await t.test('next to those that are not', async (t) => {
    const socket = await openDeflating(t, server);
    await socket.send(Buffer.concat([
      frame(OP.TEXT, request(1, 'ping')),
      compressed(request(2, 'ping')),
      frame(OP.TEXT, request(3, 'ping')),
    ]));
    for (const id of [1, 2, 3]) assert.equal((await socket.readJson()).id, id);
  });

  await t.test('in blocks of any kind', async (t) => {
    const socket = await openDeflating(t, server);
    const text = request(1, 'ping');
    const lengths = Buffer.of(0, text.length, 0, ~text.length & 0xff, 0xff);
    const stored = Buffer.concat([lengths, Buffer.from(text)]);
    const final = Buffer.from(stored);
    final[0] = 1;
    const empty = Buffer.of(0);
    for (const payload of [Buffer.concat([stored, empty]), Buffer.concat([final, empty])]) {
      await socket.send(frame(OP.TEXT, payload, { rsv: RSV1 }));
      assert.equal((await socket.readJson()).id, 1);
    }
    await socket.send(frame(OP.TEXT, empty, { rsv: RSV1 }));
    assert.equal((await socket.readJson()).error.code, -32700, 'an empty message');
  });

  await t.test('up to MAX_MESSAGE_SIZE', async (t) => {
    const socket = await openDeflating(t, server);
    await socket.send(compressed(roomyPing(1, LIMIT)));
    assert.equal((await socket.readJson()).id, 1);
    await socket.send(compressed(roomyPing(1, LIMIT + 1)));
    assert.equal((await socket.readClose()).code, 1009);
  });

  await t.test('are counted', () => server.untilMetric('bytes in and out', (metrics) =>
    metrics.inflate_output_bytes_total > 2 * LIMIT && metrics.inflate_input_bytes_total > 100 &&
    metrics.inflate_input_bytes_total < LIMIT));
});

test('violations', async (t) => {
  const server = await startServer(t, ON);
  const ping = deflateMessage(request(1, 'ping'));
  const begun = frame(OP.TEXT, ping.subarray(0, 5), { rsv: RSV1, fin: false });
  const bit = { rsv: RSV1 };
  const bomb = deflateMessage(Buffer.alloc(50 * LIMIT));
  const cases = [
    ['the bit on a continuation',
      Buffer.concat([begun, frame(OP.CONT, ping.subarray(5), bit)]), 1002],
    ['the bit on a ping', frame(OP.PING, 'x', bit), 1002],
    ['the bit on a pong', frame(OP.PONG, '', bit), 1002],
    ['the bit on a Close', frame(OP.CLOSE, '', bit), 1002],
    ['another bit beside it', frame(OP.TEXT, ping, { rsv: RSV1 | 1 }), 1002],
    ['another bit', frame(OP.TEXT, ping, { rsv: 2 }), 1002],
    ['a compressed binary message', frame(OP.BINARY, ping, bit), 1003],
    ['no DEFLATE', frame(OP.TEXT, request(1, 'ping'), bit), 1007],
    ['nothing', frame(OP.TEXT, '', bit), 1007],
    ['half of it', frame(OP.TEXT, ping.subarray(0, 5), bit), 1007],
    ['something behind it', frame(OP.TEXT, Buffer.concat([ping, Buffer.of(6)]), bit), 1007],
    ['the tail that should be left out',
      frame(OP.TEXT, Buffer.concat([ping, Buffer.of(0, 0, 0xff, 0xff)]), bit), 1007],
    ['text that is not UTF-8', frame(OP.TEXT, deflateMessage(Buffer.of(0x22, 0xff)), bit), 1007],
    ['a bomb', frame(OP.TEXT, bomb, bit), 1009],
    ['a bomb in fragments', inFragments(bomb), 1009],
    ['more than MAX_MESSAGE_SIZE before it is inflated',
      frame(OP.TEXT, '', { ...bit, announced: LIMIT + 1 }), 1009],
  ];
  for (const [name, bytes, code] of cases) {
    await t.test(`${name}: ${code}`, async (t) => {
      const socket = await openDeflating(t, server);
      await socket.send(bytes);
      assert.equal((await socket.readClose()).code, code);
    });
  }

  await t.test('what a bomb would hold was never held', async (t) => {
    const before = server.residentBytes();
    const big = await openDeflating(t, server);
    await big.send(frame(OP.TEXT, deflateMessage(Buffer.alloc(1000 * LIMIT)), { rsv: RSV1 }));
    assert.equal((await big.readClose()).code, 1009);
    assert.ok(server.residentBytes() - before < 8 * LIMIT, `${server.residentBytes() - before}`);
  });

  await t.test('the next message is not executed', async (t) => {
    const socket = await openDeflating(t, server);
    await socket.send(Buffer.concat([
      compressed(request(1, 'ping')), frame(OP.TEXT, 'Hello', bit), compressed(request(2, 'ping')),
    ]));
    assert.equal((await socket.readJson()).id, 1);
    assert.equal((await socket.readClose()).code, 1007);
  });

  await t.test('they are counted', () => server.untilMetric('refused messages', (metrics) =>
    metrics.inflate_refused_total >= 8 && metrics.disconnects_total.too_big >= 4));
});

test('few bytes that stand for many do not keep others waiting', async (t) => {
  const server = await startServer(t, { ...ON, MAX_MESSAGE_SIZE: '1m' });
  const COUNT = 40;
  const other = await openClient(t, server);
  const socket = await openDeflating(t, server);
  const messages = Array.from({ length: COUNT }, (_, i) => compressed(roomyPing(i, 1 << 20)));
  const bytes = Buffer.concat(messages);
  assert.ok(bytes.length < 65536, 'the server reads them at once');
  await socket.send(bytes);
  assert.equal((await socket.readJson()).id, 0);
  await other.roundTrip();
  const isLastThere = socket.received.includes(`"id":${COUNT - 1},`);
  assert.ok(!isLastThere, 'the other was served before the last of them');
  for (let id = 1; id < COUNT; id++) assert.equal((await socket.readJson()).id, id);
  await socket.send(closeFrame(1000));
  assert.equal((await socket.readClose()).code, 1000);
});

test('a client that sends none of its own is told of errors as ever', async (t) => {
  const server = await startServer(t, ON);
  const client = await openClient(t, server, { deflate: { threshold: 1 << 20 } });
  assert.equal((await errorOf(client.call('nothing'))).code, -32601);
});
