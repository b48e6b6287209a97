// Framing of RFC 6455, sections 5 to 8: what is accepted and how violations end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { openBarrier, openWebSocket } from './support/socket.mjs';

const LIMIT = 70_000;

function ping(id) {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
}

/** A request of exactly so many bytes. */
function requestOf(size) {
  const request = { jsonrpc: '2.0', id: 1, method: 'ping', params: { fill: '' } };
  const fill = 'x'.repeat(size - JSON.stringify(request).length);
  return JSON.stringify({ ...request, params: { fill } });
}

test('violations', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_SIZE: String(LIMIT) });
  const badUtf8 = Buffer.from([0x61, 0xff]);
  const cutUtf8 = Buffer.from([0xe2, 0x82]); // the beginning of a euro sign
  const cases = [
    ['not masked', frame(OP.TEXT, ping(1), { masked: false }), 1002],
    ...[1, 2, 4].map((rsv) => [`reserved bit ${rsv}`, frame(OP.TEXT, ping(1), { rsv }), 1002]),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => [`opcode ${op}`, frame(op, ''), 1002]),
    ['a ping in fragments', frame(OP.PING, 'x', { fin: false }), 1002],
    ['a ping of 126 bytes', frame(OP.PING, Buffer.alloc(126)), 1002],
    ['a Close of 126 bytes', frame(OP.CLOSE, Buffer.alloc(126)), 1002],
    ['a continuation of nothing', frame(OP.CONT, 'x'), 1002],
    ['a new message within a message',
      Buffer.concat([frame(OP.TEXT, 'a', { fin: false }), frame(OP.TEXT, 'b')]), 1002],
    ['a continuation after the last',
      Buffer.concat([frame(OP.TEXT, ping(1)), frame(OP.CONT, 'x')]), 1002],
    ['16 bits for a length of 125', frame(OP.TEXT, 'x'.repeat(125), { lengthBytes: 2 }), 1002],
    ['64 bits for a length of 65535', frame(OP.TEXT, 'x'.repeat(65535), { lengthBytes: 8 }), 1002],
    ['the highest bit of a length', frame(OP.TEXT, '', { announced: 2n ** 63n + 1n }), 1002],
    ['binary', frame(OP.BINARY, ping(1)), 1003],
    ['not UTF-8', frame(OP.TEXT, badUtf8), 1007],
    ['UTF-8 of a surrogate', frame(OP.TEXT, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ['UTF-8 longer than needed', frame(OP.TEXT, Buffer.from([0xc0, 0x80])), 1007],
    ['UTF-8 cut off at the end', frame(OP.TEXT, cutUtf8), 1007],
    ['not UTF-8, in a first fragment', frame(OP.TEXT, badUtf8, { fin: false }), 1007],
    ['not UTF-8, before the frame is all there', frame(OP.TEXT, badUtf8, { announced: 100 }), 1007],
    ['longer than allowed, from its head', frame(OP.TEXT, '', { announced: LIMIT + 1 }), 1009],
    ['far longer than allowed', frame(OP.TEXT, '', { announced: 2n ** 40n }), 1009],
    ['longer than allowed, in fragments', Buffer.concat([
      frame(OP.TEXT, 'x'.repeat(LIMIT), { fin: false }), frame(OP.CONT, 'y'),
    ]), 1009],
    ['a Close of one byte', frame(OP.CLOSE, 'x'), 1002],
    ...[0, 999, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65535].map((code) =>
      [`Close ${code}`, closeFrame(code), 1002]),
    ['a Close whose reason is not UTF-8', closeFrame(1000, badUtf8), 1007],
  ];
  for (const [name, bytes, code] of cases) {
    await t.test(`${name}: ${code}`, async (t) => {
      const socket = await openWebSocket(t, server);
      await socket.send(bytes);
      if (name.endsWith('after the last')) assert.equal((await socket.readJson()).id, 1);
      assert.equal((await socket.readClose()).code, code);
    });
  }

  await t.test('nothing after a violation is executed', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(Buffer.concat([
      frame(OP.TEXT, ping(1)), frame(OP.BINARY, 'x'), frame(OP.TEXT, ping(2)),
    ]));
    assert.equal((await socket.readJson()).id, 1);
    assert.equal((await socket.readClose()).code, 1003);
  });

  await t.test('they are counted', () =>
    server.untilMetric('violations in the metrics', ({ disconnects_total: ended }) =>
      ended.protocol > 0 && ended.too_big >= 3));
});

test('messages', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_SIZE: String(LIMIT) });

  for (const size of [125, 126, 127, 65535, 65536, LIMIT]) {
    await t.test(`of ${size} bytes`, async (t) => {
      const socket = await openWebSocket(t, server);
      await socket.send(frame(OP.TEXT, requestOf(size)));
      assert.ok((await socket.readJson()).result.pong);
    });
  }

  await t.test('in fragments, with control frames between them', async (t) => {
    const socket = await openWebSocket(t, server);
    const text = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: '€ 🎈', method: 'ping' }));
    const pieces = [...text].map((byte, i) => Buffer.concat([
      frame(i === 0 ? OP.TEXT : OP.CONT, Buffer.of(byte), { fin: i === text.length - 1 }),
      frame(OP.PING, `${i}`),
    ]));
    await socket.send(Buffer.concat(pieces));
    const pongs = [];
    let answer = null;
    while (pongs.length < text.length || !answer) {
      const received = await socket.readDataFrame();
      if (received.op === OP.PONG) pongs.push(received.payload.toString());
      else answer = JSON.parse(received.payload.toString());
    }
    assert.equal(answer.id, '€ 🎈');
    assert.deepEqual(pongs, [...text].map((_, i) => `${i}`));
  });

  await t.test('with empty fragments', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(Buffer.concat([
      frame(OP.TEXT, '', { fin: false }),
      frame(OP.CONT, ping(7), { fin: false }),
      frame(OP.CONT, ''),
    ]));
    assert.equal((await socket.readJson()).id, 7);
  });

  await t.test('many in one packet', async (t) => {
    const socket = await openWebSocket(t, server);
    const ids = Array.from({ length: 500 }, (_, i) => i);
    await socket.send(Buffer.concat(ids.map((id) => frame(OP.TEXT, ping(id)))));
    for (const id of ids) assert.equal((await socket.readJson()).id, id);
  });

  await t.test('a ping is answered with its payload', async (t) => {
    const socket = await openWebSocket(t, server);
    for (const payload of [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(125, 0xff)]) {
      await socket.send(frame(OP.PING, payload));
      const pong = await socket.readDataFrame();
      assert.equal(pong.op, OP.PONG);
      assert.deepEqual(pong.payload, payload);
    }
  });

  await t.test('an unasked pong is ignored', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(Buffer.concat([frame(OP.PONG, 'unasked'), frame(OP.TEXT, ping(1))]));
    assert.equal((await socket.readJson()).id, 1);
  });
});

test('closing', async (t) => {
  const server = await startServer(t);

  for (const code of [1000, 1001, 1003, 1007, 1011, 3000, 4999]) {
    await t.test(`Close ${code} is echoed, then TCP ends`, async (t) => {
      const socket = await openWebSocket(t, server);
      await socket.send(closeFrame(code, 'bye'));
      assert.equal((await socket.readClose()).code, code);
    });
  }

  await t.test('a Close without a code is answered with none', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(frame(OP.CLOSE));
    assert.equal((await socket.readClose()).code, null);
  });

  await t.test('nothing after a Close is executed', async (t) => {
    const socket = await openWebSocket(t, server);
    await socket.send(Buffer.concat([
      frame(OP.TEXT, ping(1)), closeFrame(1000), frame(OP.TEXT, ping(2)),
    ]));
    assert.equal((await socket.readJson()).id, 1);
    assert.equal((await socket.readClose()).code, 1000);
  });
});

test('frames in pieces', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const barrier = await openBarrier(t, server);
  const bytes = Buffer.concat([
    frame(OP.TEXT, ping(1).slice(0, 9), { fin: false }),
    frame(OP.PING, 'mid'),
    frame(OP.CONT, ping(1).slice(9)),
    frame(OP.TEXT, requestOf(200)), // its length takes two bytes
  ]);

  async function assertAnswered(socket) {
    assert.equal((await socket.readDataFrame()).op, OP.PONG);
    assert.equal((await socket.readJson()).id, 1);
    assert.equal((await socket.readJson()).id, 1);
  }

  await t.test('cut in two at every byte', async (t) => {
    const socket = await openWebSocket(t, server);
    for (let cut = 1; cut < bytes.length; cut++) {
      await socket.send(bytes.subarray(0, cut));
      await barrier();
      await socket.send(bytes.subarray(cut));
      await assertAnswered(socket);
    }
  });

  await t.test('byte by byte', async (t) => {
    const socket = await openWebSocket(t, server);
    for (const byte of bytes) {
      await socket.send(Buffer.of(byte));
      await barrier();
    }
    await assertAnswered(socket);
  });
});
