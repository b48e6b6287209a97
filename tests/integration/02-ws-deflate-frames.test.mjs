// permessage-deflate (RFC 7692) byte by byte: which messages are compressed, what bombs cost, what is
// counted. tests/conformance/ws-deflate.test.mjs tests the rules of the RFC.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  closeFrame, compressed, deflateMessage, frame, inflateMessage, OP, RSV1,
} from './support/frames.mjs';
import { freeze } from './support/freeze.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';

const OURS = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const LIMIT = 65536;
const ON = { ENABLE_COMPRESSION: 'true', MAX_MESSAGE_SIZE: String(LIMIT), WORKER_THREADS: '1' };

function request(id, method, params) {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

function openDeflating(t, server, offer = 'permessage-deflate', extensions = OURS) {
  return openWebSocket(t, server, { fields: { 'Sec-WebSocket-Extensions': offer }, extensions });
}

/** A ping of exactly `size` bytes, most of them white space. */
function roomyPing(id, size) {
  const text = request(id, 'ping');
  return text + ' '.repeat(size - text.length);
}

/** A compressed message in frames of one byte. */
function inFragments(payload) {
  return Buffer.concat([...payload].map((byte, i) => frame(i ? OP.CONT : OP.TEXT, Buffer.of(byte), {
    rsv: i ? 0 : RSV1,
    fin: i === payload.length - 1,
  })));
}

test('compression of outgoing messages', async (t) => {
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

  await t.test('compresses messages of at least COMPRESSION_MIN_SIZE', async () => {
    const around = (await deliver('x')).text.length - 1;
    for (const size of [599, 600, 601, 40_000]) {
      const received = await deliver('x'.repeat(size - around));
      assert.equal(received.text.length, size);
      assert.equal(received.compressed, size >= 600);
      if (size > 600) assert.ok(received.payload.length < 300, `${received.payload.length}`);
    }
  });

  await t.test('compresses only when that makes the message shorter', async (t) => {
    const all = await startServer(t, { ...ON, COMPRESSION_MIN_SIZE: '0' });
    const socket = await openDeflating(t, all);
    await socket.send(frame(OP.TEXT, request(1, 'subscribe', { topic: 'b' })));
    await socket.readJson();
    await socket.send(frame(OP.TEXT, request(2, 'list')));
    assert.equal((await socket.readDataFrame()).compressed, false, 'nothing in the text repeats');
    let count = 0;
    for (let n = 1; n <= 40; n++) {
      const text = 'x'.repeat(n); // an answer and a message with it
      await socket.send(frame(OP.TEXT, request(text, 'publish', { topic: 'b', message: text })));
      for (let i = 0; i < 2; i++) {
        const { compressed: isCompressed, payload } = await socket.readDataFrame();
        if (!isCompressed) continue;
        assert.ok(payload.length < inflateMessage(payload).length, `at ${n}`);
        count++;
      }
    }
    assert.ok(count > 0);
  });

  await t.test('compresses long answers up to MAX_MESSAGE_SIZE', async () => {
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

  await t.test('keeps to the window that the client asked for', async (t) => {
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

test('compressed messages from clients', async (t) => {
  const server = await startServer(t, ON);

  await t.test('accepts them in one frame, in many, and with control frames in between', async (t) => {
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

  await t.test('accepts them up to MAX_MESSAGE_SIZE', async (t) => {
    const socket = await openDeflating(t, server);
    await socket.send(compressed(roomyPing(1, LIMIT)));
    assert.equal((await socket.readJson()).id, 1);
    await socket.send(compressed(roomyPing(1, LIMIT + 1)));
    assert.equal((await socket.readClose()).code, 1009);
  });

  await t.test('counts their bytes', () => server.untilMetric('bytes in and out', (metrics) =>
    metrics.inflate_output_bytes_total > 2 * LIMIT && metrics.inflate_input_bytes_total > 100 &&
    metrics.inflate_input_bytes_total < LIMIT));
});

test('bombs', async (t) => {
  const server = await startServer(t, ON);
  const bomb = deflateMessage(Buffer.alloc(50 * LIMIT));
  const cases = [
    ['in one frame', frame(OP.TEXT, bomb, { rsv: RSV1 })],
    ['in fragments of one byte', inFragments(bomb)],
  ];
  for (const [name, bytes] of cases) {
    await t.test(`closes with 1009 on a bomb ${name}`, async (t) => {
      const socket = await openDeflating(t, server);
      await socket.send(bytes);
      assert.equal((await socket.readClose()).code, 1009);
    });
  }

  await t.test('never holds the inflated bytes of a bomb', async (t) => {
    const before = server.residentBytes();
    const socket = await openDeflating(t, server);
    await socket.send(frame(OP.TEXT, deflateMessage(Buffer.alloc(1000 * LIMIT)), { rsv: RSV1 }));
    assert.equal((await socket.readClose()).code, 1009);
    assert.ok(server.residentBytes() - before < 8 * LIMIT, `${server.residentBytes() - before}`);
  });

  await t.test('counts bombs and invalid DEFLATE data', async (t) => {
    const socket = await openDeflating(t, server);
    await socket.send(frame(OP.TEXT, 'Hello', { rsv: RSV1 }));
    assert.equal((await socket.readClose()).code, 1007);
    await server.untilMetric('refused messages', (metrics) => metrics.inflate_refused_total === 4 &&
      metrics.disconnects_total.too_big === 3 && metrics.disconnects_total.protocol === 1);
  });
});

/**
 * Sends `count` requests that the server reads at once, and behind them a request of another client.
 * The server is stopped meanwhile, so both have arrived when it continues. The times in its answers show
 * in which order it served them, however late the test reads them.
 */
async function assertOthersAreServed(t, count, size) {
  const server = await startServer(t, { ...ON, MAX_MESSAGE_SIZE: '1m' });
  const other = await openClient(t, server);
  const socket = await openDeflating(t, server);
  const messages = Array.from({ length: count }, (_, i) => compressed(roomyPing(i, size)));
  const bytes = Buffer.concat(messages);
  assert.ok(bytes.length < 65536, 'the server reads them at once');
  await freeze(server.child);
  await socket.send(bytes);
  const ofOther = other.call('ping');
  await other.until('the request is sent', () => other.socket.bufferedAmount === 0);
  server.child.kill('SIGCONT');
  const pongs = [];
  for (let id = 0; id < count; id++) {
    const answer = await socket.readJson();
    assert.equal(answer.id, id);
    pongs.push(answer.result.pong);
  }
  const { pong } = await ofOther;
  assert.ok(pongs[0] <= pong, 'the server began with the many requests');
  assert.ok(pong < pongs.at(-1), 'it served the other client before the last of them');
  assert.equal((await server.metrics()).reads_paused_total, 0, 'no read waited for answers');
  await socket.send(closeFrame(1000));
  assert.equal((await socket.readClose()).code, 1000);
}

test('serves others while it inflates few bytes into many', (t) =>
  assertOthersAreServed(t, 40, 1 << 20));

test('serves others while it inflates many messages that are each smaller than a read', (t) =>
  assertOthersAreServed(t, 480, 60_000));

const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)';
for (const [version, extensions] of [['15.0', undefined], ['15.3', undefined], ['15.4', OURS], ['16.0', OURS]]) {
  test(`${extensions ? 'compresses' : 'does not compress'} for Safari ${version}`, async (t) => {
    const server = await startServer(t, ON);
    const fields = {
      'Sec-WebSocket-Extensions': 'permessage-deflate',
      'User-Agent': `${MAC} Version/${version} Safari/605.1.15`,
    };
    const socket = await openWebSocket(t, server, { fields, extensions });
    await socket.send(frame(OP.TEXT, request(1, 'ping')));
    assert.equal((await socket.readJson()).id, 1);
  });
}
