// RFC 6455 section 7: the closing handshake. The server answers a Close with the same code and then
// ends the connection first; after a violation it ends the connection at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from '../integration/support/frames.mjs';
import { startRedis } from '../integration/support/redis.mjs';
import { openBarrier, openWebSocket } from '../integration/support/socket.mjs';
import { SANITIZED, watchDelays } from '../integration/support/wait.mjs';
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
  ...VALID.map((code) => ['rfc6455 7.4', `answers Close ${code} with the same code`,
    closeFrame(code), close(code)]),
  ...INVALID.map((code) => ['rfc6455 7.4', `closes with 1002 on Close ${code}`, closeFrame(code), close(1002)]),
  ['rfc6455 7.1.5', 'answers a Close without a code with one without a code', frame(OP.CLOSE), ends('close')],
  ['rfc6455 5.5.1', 'closes with 1002 on a Close of one byte', frame(OP.CLOSE, Buffer.of(3)), close(1002)],
  ['rfc6455 7.1.6', 'accepts a reason', closeFrame(1000, 'bye'), close(1000)],
  ['rfc6455 7.1.6', 'accepts a reason with another code', closeFrame(4321, 'bye'), close(4321)],
  ['rfc6455 7.1.6', 'accepts a reason of 123 bytes', closeFrame(1000, 'r'.repeat(123)), close(1000)],
  ['rfc6455 5.5', 'closes with 1002 on a reason of 124 bytes', closeFrame(1000, 'r'.repeat(124)), close(1002)],
  ['rfc6455 7.1.6', 'accepts a reason with UTF-8 characters of all lengths',
    closeFrame(1000, 'a\u00e4\u20ac\u{1f388}\0'), close(1000)],
  ...BAD_REASONS.map((hex) =>
    ['rfc6455 8.1', `closes with 1007 on the reason ${hex}`,
      closeFrame(1000, Buffer.from(hex, 'hex')), close(1007)]),
  ['rfc6455 7.4', 'reports an invalid code before an invalid reason',
    closeFrame(999, Buffer.of(0xff)), close(1002)],
  ['rfc6455 5.5.1', 'answers messages before a Close',
    all(ping(1), ping(2), closeFrame(1001)),
    ends('answer 1', 'answer 2', 'close 1001')],
  ['rfc6455 5.5.1', 'ignores messages after a Close', all(ping(1), closeFrame(1000), ping(2)),
    ends('answer 1', 'close 1000')],
  ['rfc6455 5.5.2', 'does not answer a ping after a Close',
    all(closeFrame(1000), frame(OP.PING, 'p')), close(1000)],
  ['rfc6455 5.5.1', 'does not answer a second Close',
    all(closeFrame(1000), closeFrame(1001)), close(1000)],
  ['rfc6455 7.1.7', 'ignores a violation after a Close',
    all(closeFrame(1000), frame(OP.TEXT, '', { masked: false })), close(1000)],
  ['rfc6455 7.1.7', 'ignores garbage after a Close',
    all(closeFrame(1000), Buffer.alloc(5000, 0xff)), close(1000)],
  ['rfc6455 5.4', 'closes on a Close within a message',
    all(frame(OP.TEXT, '{', { fin: false }), closeFrame(3333)), close(3333)],
  ['rfc6455 7.1.7', 'ignores garbage after a violation',
    all(frame(OP.TEXT, '', { masked: false }), Buffer.alloc(5000, 0xff)), close(1002)],
];

/** A connection on which the server has sent its Close first. */
async function openClosing(t, server) {
  const socket = await openWebSocket(t, server);
  await socket.send(request(undefined, 'disconnect'));
  await socket.until('the Close', () => socket.received.length >= 4);
  assert.deepEqual(frameTranscript(socket.received), ['close 1000']);
  return socket;
}

test('the closing handshake', async (t) => {
  const server = await startStill(t);
  await runFrameTable(t, server, rows);

  await t.test('rfc6455 7.1.1: waits for the answer to its Close, then ends TCP', async (t) => {
    const socket = await openClosing(t, server);
    const barrier = await openBarrier(t, server);
    await barrier();
    assert.equal(socket.ended, false);
    const delayMs = watchDelays();
    const answeredAt = Date.now();
    await socket.send(closeFrame(1000));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
    const took = Date.now() - answeredAt;
    if (!SANITIZED) assert.ok(took < 1500 + delayMs(), `at once, not at its deadline: ${took} ms`);
  });

  for (const [what, bytes] of [
    ['messages and pings', all(ping(1), frame(OP.PING, 'p'), frame(OP.TEXT, '{', { fin: false }))],
    ['a long message', frame(OP.TEXT, 'x'.repeat(100_000))],
  ]) {
    await t.test(`rfc6455 7.1.1: ignores ${what} before the answer`, async (t) => {
      const socket = await openClosing(t, server);
      const barrier = await openBarrier(t, server);
      await socket.send(bytes);
      await barrier();
      assert.equal(socket.ended, false, 'the server still waits for the answer');
      await socket.send(closeFrame(1000));
      assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
    });
  }

  await t.test('rfc6455 7.1.7: ends TCP without another Close on a violation instead of the answer', async (t) => {
    const socket = await openClosing(t, server);
    await socket.send(frame(OP.TEXT, '', { masked: false }));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
  });

  await t.test('rfc6455 7.1.1: ends TCP when no answer comes', async (t) => {
    const socket = await openClosing(t, server);
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['close 1000']);
  });

  await t.test('rfc6455 7.1.1: does not wait for the client to end TCP', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(closeFrame(1000));
    await socket.untilEnd(); // this side is still open
    await server.untilMetric('the server has released the connection', (now) => now.current_connections_count <= 1);
  });

  await t.test('rfc6455 7.1.5: sends answers but no Close when TCP ends without a Close', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), ping(2)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1', 'answer 2']);
  });

  await t.test('rfc6455 7.1.5: sends answers when TCP ends within a frame', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), ping(2).subarray(0, 9)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1']);
  });

  await t.test('rfc6455 7.1.4: sends answers and a Close when TCP ends after a Close', async (t) => {
    const socket = await openWebSocket(t, server);
    socket.socket.end(all(ping(1), closeFrame(1000)));
    assert.deepEqual(frameTranscript(await readToEnd(socket)), ['answer 1', 'close 1000']);
  });
});

test('a closing handshake that waits for answers', async (t) => {
  const redis = await startRedis(t);
  const server = await startStill(t, { ...redis.options });
  const publish = frame(OP.TEXT, JSON.stringify(
    { jsonrpc: '2.0', id: 1, method: 'publish', params: { topic: 't', message: 'm' } }));

  await t.test('rfc6455 5.5.2: answers a ping until it has sent its Close', async (t) => {
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

  await t.test('rfc6455 5.5.1: answers earlier requests before it answers a Close', async (t) => {
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
