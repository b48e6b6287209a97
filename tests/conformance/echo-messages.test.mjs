// Echoes of messages of all sizes, in any pieces and fragments, with other frames in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from '../integration/support/frames.mjs';
import { randomSource } from '../integration/support/random.mjs';
import { openBarrier, openWebSocket } from '../integration/support/socket.mjs';
import { scaled } from '../integration/support/wait.mjs';
import { fragments, payloadOf, piecesOf, readEcho } from './support/echo.mjs';
import { exchangeCut, readToEnd } from './support/pieces.mjs';
import { startEcho } from './support/servers.mjs';
import { echoTranscript } from './support/transcript.mjs';

const OPS = [['text', OP.TEXT], ['binary', OP.BINARY]];
const SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537, 2 ** 20, 16 * 2 ** 20];
const CHOPS = [[125, 1], [126, 1], [127, 1], [1000, 1], [65535, 997], [65536, 997], [65536, 64],
  [2 ** 20, 4099], [2 ** 20, 65536], [16 * 2 ** 20, 10 ** 6]];
const FRAGMENTS = [[1000, 1], [65536, 64], [65536, 125], [65536, 126], [2 ** 20, 256],
  [2 ** 20, 1024], [2 ** 20, 65536], [16 * 2 ** 20, 65536], [16 * 2 ** 20, 5 * 2 ** 20]];

test('messages of all sizes', async (t) => {
  const server = await startEcho(t);
  for (const [name, op] of OPS) {
    for (const size of SIZES) {
      await t.test(`rfc6455 5.2: echoes ${name} of ${size} bytes`, async (t) => {
        const socket = await openWebSocket(t, server);
        const payload = payloadOf(op, size);
        await socket.send(frame(op, payload));
        await readEcho(socket, op, payload);
      });
    }
    for (const [size, chop] of CHOPS) {
      await t.test(`rfc6455 5.2: echoes ${name} of ${size} bytes, sent ${chop} at a time`, async (t) => {
        const socket = await openWebSocket(t, server);
        const payload = payloadOf(op, size);
        for (const piece of piecesOf(frame(op, payload), chop)) await socket.send(piece);
        await readEcho(socket, op, payload);
      });
    }
    for (const [size, each] of FRAGMENTS) {
      await t.test(`rfc6455 5.4: echoes ${name} of ${size} bytes in fragments of ${each}`, async (t) => {
        const socket = await openWebSocket(t, server);
        const payload = payloadOf(op, size);
        await socket.send(Buffer.concat(fragments(op, piecesOf(payload, each))));
        await readEcho(socket, op, payload);
      });
    }
  }
});

/** All ways to cut bytes into pieces that are not empty. */
function allPartitions(bytes) {
  return Array.from({ length: 2 ** (bytes.length - 1) }, (_, pattern) => {
    const pieces = [];
    let from = 0;
    for (let at = 1; at <= bytes.length; at++) {
      if (at < bytes.length && !(pattern & (1 << (at - 1)))) continue;
      pieces.push(bytes.subarray(from, at));
      from = at;
    }
    return pieces;
  });
}

test('every way to cut a message into fragments', async (t) => {
  const server = await startEcho(t);
  const binary = Buffer.from([0, 0xff, 0x80, 0x7f, 0xc0, 0xed, 0xa0, 0x0a]);
  const text = Buffer.from('\u00e4\u20ac\u{1f388}'); // 9 bytes

  for (const [name, op, payload] of [['text', OP.TEXT, text], ['binary', OP.BINARY, binary]]) {
    await t.test(`rfc6455 5.4: echoes ${name} cut in ${2 ** (payload.length - 1)} ways`, async (t) => {
      const socket = await openWebSocket(t, server);
      for (const pieces of allPartitions(payload)) {
        await socket.send(Buffer.concat(fragments(op, pieces)));
        await readEcho(socket, op, payload);
      }
    });

    await t.test(`rfc6455 5.4: echoes ${name} with a ping before every fragment`, async (t) => {
      const socket = await openWebSocket(t, server);
      for (const pieces of allPartitions(payload)) {
        const frames = fragments(op, pieces).flatMap((piece, i) => [frame(OP.PING, `${i}`), piece]);
        await socket.send(Buffer.concat(frames));
        for (let i = 0; i < pieces.length; i++) await readEcho(socket, OP.PONG, Buffer.from(`${i}`));
        await readEcho(socket, op, payload);
      }
    });

    await t.test(`rfc6455 5.4: echoes ${name} with empty fragments before, between and after the others`, async (t) => {
      const socket = await openWebSocket(t, server);
      const empty = Buffer.alloc(0);
      for (const pieces of allPartitions(payload)) {
        const more = [...pieces.flatMap((piece) => [empty, piece]), empty];
        await socket.send(Buffer.concat(fragments(op, more)));
        await readEcho(socket, op, payload);
      }
    });
  }
});

test('echoes messages of both kinds, cut in two at every byte', async (t) => {
  const server = await startEcho(t);
  const bytes = Buffer.concat([
    ...fragments(OP.BINARY, [Buffer.of(0xff, 0xfe), Buffer.of(), Buffer.of(0xc3)]),
    frame(OP.PING, 'mid'),
    ...fragments(OP.TEXT, [Buffer.of(0xc3), Buffer.of(0xa4)]),
    frame(OP.BINARY, payloadOf(OP.BINARY, 70)), closeFrame(1000),
  ]);
  const want = ['binary fffec3', 'pong mid', 'text \u00e4',
    `binary ${payloadOf(OP.BINARY, 70).toString('hex')}`, 'close 1000'];
  const barrier = await openBarrier(t, server);
  await exchangeCut(() => openWebSocket(t, server), barrier, bytes,
    (came, cut) => assert.deepEqual(echoTranscript(came), want, `cut at ${cut}`));
});

/** The bytes of a stream of messages, fragments and control frames, and the expected answers. */
function randomStream(random) {
  const frames = [];
  const want = [];
  const maybePing = () => {
    if (random.below(4) > 0) return;
    const payload = payloadOf(OP.TEXT, random.below(126)).toString();
    frames.push(frame(OP.PING, payload), frame(OP.PONG, 'unasked'));
    want.push(`pong ${payload}`.trim());
  };
  for (let i = 0; i < 20; i++) {
    const op = random.pick([OP.TEXT, OP.BINARY]);
    const payload = payloadOf(op, random.below(random.pick([2, 130, 70_000])));
    const each = 1 + random.below(payload.length + 1);
    for (const piece of fragments(op, piecesOf(payload, Math.max(each, payload.length >> 6)))) {
      maybePing();
      frames.push(piece);
    }
    want.push(op === OP.TEXT ? `text ${payload}` : `binary ${payload.toString('hex')}`);
  }
  frames.push(closeFrame(4000));
  return { bytes: Buffer.concat(frames), want: [...want, 'close 4000'] };
}

test('random streams in random pieces', async (t) => {
  const server = await startEcho(t);
  for (let seed = 1; seed <= scaled(40); seed++) {
    await t.test(`rfc6455 5: echoes a random stream with seed ${seed}`, async (t) => {
      const random = randomSource(seed);
      const { bytes, want } = randomStream(random);
      const socket = await openWebSocket(t, server);
      for (let at = 0, size; at < bytes.length; at += size) {
        size = 1 + random.below(random.pick([3, 200, 100_000]));
        await socket.send(bytes.subarray(at, at + size));
      }
      assert.deepEqual(echoTranscript(await readToEnd(socket)), want);
    });
  }
});

test('a client that reads slowly', async (t) => {
  const server = await startEcho(t);

  await t.test('rfc6455 5.5.1: sends it everything before the Close, and the Close', async (t) => {
    const socket = await openWebSocket(t, server);
    const payload = payloadOf(OP.BINARY, 24 * 2 ** 20);
    const SIP = 256 * 1024; // about 6 MiB/s: takes longer than a closing server waits without progress
    let read = 0;
    let end = Buffer.alloc(0);
    socket.socket.removeAllListeners('data').on('data', (bytes) => {
      end = Buffer.concat([end, bytes]).subarray(-4);
      const sips = Math.floor(read / SIP);
      read += bytes.length;
      if (Math.floor(read / SIP) === sips) return;
      socket.socket.pause();
      setTimeout(() => socket.socket.resume(), 42);
    });
    await socket.send(Buffer.concat([frame(OP.BINARY, payload), closeFrame(1000)]));
    await socket.untilEnd();
    assert.equal(read, 10 + payload.length + 4);
    assert.deepEqual(end, Buffer.of(0x88, 2, 3, 232));
  });
});
