// RFC 6455 section 7: the closing handshake. The server answers a Close with its code and then ends
// the connection first; after a violation it does so at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from '../integration/support/frames.mjs';
import { startRedis } from '../integration/support/redis.mjs';
import { openBarrier, openWebSocket } from '../integration/support/socket.mjs';
import { SANITIZED } from '../integration/support/wait.mjs';
import { readToEnd } from './support/pieces.mjs';
import { startStill } from './support/servers.mjs';
import { ends, runFrameTable } from './support/tables.mjs';
import { frameTranscript } from './support/transcript.mjs';

const all = (...frames) => Buffer.concat(frames);
const request = (id, method) => frame(OP.TEXT, JSON.stringify({ jsonrpc: '2.0', id, method }));
const ping = (id) => request(id, 'ping');
const close = (code) => ends(`close ${code}`);

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 32768, 65535];
const BAD_REASONS = ['80', 'ff', '61ff62', 'c0af', 'eda080', 'edbfbf', 'f4908080', 'f8888080', 'e282', 'c3'];

const rows = [
  ...VALID.map((code) => ['rfc6455 7.4', `Close ${code} is answered with it`,
    closeFrame(code), close(code)]),
  ...INVALID.map((code) => ['rfc6455 7.4', `Close ${code} is 1002`, closeFrame(code), close(1002)]),
  ['rfc6455 7.1.5', 'a Close without a code is answered with none', frame(OP.CLOSE), ends('close')],
  ['rfc6455 5.5.1', 'a Close of one byte is 1002', frame(OP.CLOSE, Buffer.of(3)), close(1002)],
  ['rfc6455 7.1.6', 'a reason', closeFrame(1000, 'bye'), close(1000)],
  ['rfc6455 7.1.6', 'a reason with a code of its own', closeFrame(4321, 'bye'), close(4321)],
  ['rfc6455 7.1.6', 'a reason of 123 bytes', closeFrame(1000, 'r'.repeat(123)), close(1000)],
  ['rfc6455 5.5', 'a reason of 124 bytes is 1002', closeFrame(1000, 'r'.repeat(124)), close(1002)],
  ['rfc6455 7.1.6', 'a reason in all lengths of UTF-8',
    closeFrame(1000, 'a\u00e4\u20ac\u{1f388}\0'), close(1000)],
  ...BAD_REASONS.map((hex) =>
    ['rfc6455 8.1', `the reason ${hex} is 1007`,
      closeFrame(1000, Buffer.from(hex, 'hex')), close(1007)]),
  ['rfc6455 7.4', 'a wrong code beats a wrong reason',
    closeFrame(999, Buffer.of(0xff)), close(1002)],
  ['rfc6455 5.5.1', 'what comes before a Close is answered',
    all(ping(1), ping(2), closeFrame(1001)),
    ends('answer 1', 'answer 2', 'close 1001')],
  ['rfc6455 5.5.1', 'messages behind a Close are ignored', all(ping(1), closeFrame(1000), ping(2)),
    ends('answer 1', 'close 1000')],
  ['rfc6455 5.5.2', 'a ping behind a Close is not answered',
    all(closeFrame(1000), frame(OP.PING, 'p')), close(1000)],
  ['rfc6455 5.5.1', 'a second Close is not answered',
    all(closeFrame(1000), closeFrame(1001)), close(1000)],
  ['rfc6455 7.1.7', 'a violation behind a Close changes nothing',
    all(closeFrame(1000), frame(OP.TEXT, '', { masked: false })), close(1000)],
  ['rfc6455 7.1.7', 'garbage behind a Close changes nothing',
    all(closeFrame(1000), Buffer.alloc(5000, 0xff)), close(1000)],
  ['rfc6455 5.4', 'a Close within a message ends it',
    all(frame(OP.TEXT, '{', { fin: false }), closeFrame(3333)), close(3333)],
  ['rfc6455 7.1.7', 'garbage behind a violation changes nothing',
    all(frame(OP.TEXT, '', { masked: false }), Buffer.alloc(5000, 0xff)), close(1002)],
];

/** A connection whose Close the server began. */
async function openClosing(t, server) {
  const socket = await openWebSocket(t, server);
  await socket.send(request(undefined, 'disconnect'));
  await socket.until('the Close', () => socket.received.length >= 4);
  assert.deepEqual(frameTranscript(socket.received), ['close 1000']);
  return socket;
}

test('closing', async (t) => {
  const server = await startStill(t);
  await runFrameTable(t, server, rows);

  await t.test('rfc6455 7.1.1: the server that began waits for the answer, then ends TCP', async (t) => {
    const socket = await openClosing(t, server);
    const barrier = await openBarrier(t, server);
    await barrier();
    assert.equal(socket.ended, false);
    const answeredAt = Date.now();
    await socket.send(closeFrame(1000));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
    if (!SANITIZED) assert.ok(Date.now() - answeredAt < 1500, 'at once, not when its time is up');
  });

  for (const [what, bytes] of [
    ['messages and pings', all(ping(1), frame(OP.PING, 'p'), frame(OP.TEXT, '{', { fin: false }))],
    ['a long message', frame(OP.TEXT, 'x'.repeat(100_000))],
  ]) {
    await t.test(`rfc6455 7.1.1: ${what} on the way before the answer are ignored`, async (t) => {
      const socket = await openClosing(t, server);
      const barrier = await openBarrier(t, server);
      await socket.send(bytes);
      await barrier();
      assert.equal(socket.ended, false, 'it still waits for the answer');
      await socket.send(closeFrame(1000));
      assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
    });
  }

  await t.test('rfc6455 7.1.7: a violation in place of the answer ends TCP without another Close', async (t) => {
    const socket = await openClosing(t, server);
    await socket.send(frame(OP.TEXT, '', { masked: false }));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
  });

  await t.test('rfc6455 7.1.1: an answer that does not come is not waited for for ever', async (t) => {
    const socket = await openClosing(t, server);
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
  });

  await t.test('rfc6455 7.1.1: the server does not wait for the client to end TCP', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(closeFrame(1000));
    await socket.untilEnd(); // this side is still open
    await server.untilMetric('the server has let go of it', (now) => now.current_connections_count <= 1);
  });

  await t.test('rfc6455 7.1.5: TCP ended without a Close: answers still come, a Close does not', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), ping(2)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1', 'answer 2']);
  });

  await t.test('rfc6455 7.1.5: TCP ended within a frame', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), ping(2).subarray(0, 9)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1']);
  });

  await t.test('rfc6455 7.1.4: TCP ended behind a Close', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), closeFrame(1000)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1', 'close 1000']);
  });
});

test('closing that waits for answers', async (t) => {
  const redis = await startRedis(t);
  const server = await startStill(t, { ...redis.options });
  const publish = frame(OP.TEXT, JSON.stringify(
    { jsonrpc: '2.0', id: 1, method: 'publish', params: { topic: 't', message: 'm' } }));

  await t.test('rfc6455 5.5.2: a ping before the server has sent its Close is answered', async (t) => {
    const socket = await openWebSocket(t, server);
    await redis.freeze();
    await socket.send(all(publish, request(undefined, 'disconnect'), frame(OP.PING, 'p'), ping(2)));
    await socket.until('the pong', () => socket.received.length > 0);
    assert.deepEqual(frameTranscript(socket.received), ['pong p']);
    redis.thaw();
    await socket.until('the Close', () => socket.received.includes(Buffer.of(0x88, 2)));
    await socket.send(closeFrame(1000));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['pong p', 'answer 1', 'close 1000']);
  });

  await t.test('rfc6455 5.5.1: what came before a Close is answered before the Close is', async (t) => {
    const socket = await openWebSocket(t, server);
    await redis.freeze();
    await socket.send(all(publish, closeFrame(4000), frame(OP.PING, 'p')));
    const barrier = await openBarrier(t, server);
    await barrier();
    assert.equal(socket.received.length, 0);
    redis.thaw();
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1', 'close 4000']);
  });
});
