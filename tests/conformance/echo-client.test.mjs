// ws_echo with the npm client `ws`: an implementation that is not ours has to agree.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { defer } from '../integration/support/cleanup.mjs';
import { OP } from '../integration/support/frames.mjs';
import { numbered } from '../integration/support/rpc.mjs';
import { eventually, SANITIZED, scaled, Watched, within } from '../integration/support/wait.mjs';
import { WebSocket } from '../integration/support/websocket.mjs';
import { payloadOf } from './support/echo.mjs';
import { startEcho } from './support/servers.mjs';

/** A client that keeps what comes: [data, isBinary]. */
class Client extends Watched {
  received = [];

  constructor(t, server, perMessageDeflate) {
    super();
    this.ws = new WebSocket(`ws://127.0.0.1:${server.port}/`, { maxPayload: 2 ** 26, perMessageDeflate });
    this.ws.on('message', (data, isBinary) => {
      this.received.push([data, isBinary]);
      this.changed();
    });
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.end();
    });
    defer(t, () => this.ws.terminate());
  }

  async untilOpen() {
    await within(once(this.ws, 'open'), 'open');
    return this;
  }

  async next() {
    await this.until('a message', () => this.received.length > 0);
    return this.received.shift();
  }

  async untilClosed() {
    await this.until('closed', () => this.closed);
    return this.closed;
  }
}

const CODES =
  [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];

const openClient = (t, server, perMessageDeflate = false) =>
  new Client(t, server, perMessageDeflate).untilOpen();

test('one client', async (t) => {
  const server = await startEcho(t);

  for (const isBinary of [false, true]) {
    const kind = isBinary ? 'binary' : 'text';
    for (const size of [0, 1, 125, 126, 65535, 65536, 2 ** 20, 16 * 2 ** 20]) {
      await t.test(`rfc6455 5.6: ${kind} of ${size} bytes`, async (t) => {
        const client = await openClient(t, server);
        const payload = payloadOf(isBinary ? OP.BINARY : OP.TEXT, size);
        client.ws.send(payload, { binary: isBinary });
        const [data, cameBinary] = await client.next();
        assert.equal(cameBinary, isBinary);
        assert.ok(payload.equals(data));
      });
    }

    await t.test(`rfc6455 5.4: ${kind} in fragments`, async (t) => {
      const client = await openClient(t, server);
      const parts = ['one ', '', 'two ', 'three'];
      for (const [i, part] of parts.entries()) {
        client.ws.send(part, { binary: isBinary, fin: i === parts.length - 1 });
      }
      const [data, cameBinary] = await client.next();
      assert.deepEqual([data.toString(), cameBinary], [parts.join(''), isBinary]);
    });

    for (const size of [0, 16, 64, 256, 1024, 4096]) {
      await t.test(`rfc6455 5.6: many of ${kind}, ${size} bytes, one after the other`, async (t) => {
        const client = await openClient(t, server);
        const payload = payloadOf(isBinary ? OP.BINARY : OP.TEXT, size);
        for (let i = 0; i < scaled(500); i++) {
          client.ws.send(payload, { binary: isBinary });
          assert.ok(payload.equals((await client.next())[0]));
        }
      });
    }
  }

  for (const size of [0, 1, 125]) {
    await t.test(`rfc6455 5.5.2: a ping of ${size} bytes`, async (t) => {
      const client = await openClient(t, server);
      const payload = payloadOf(OP.BINARY, size);
      client.ws.ping(payload);
      const [pong] = await within(once(client.ws, 'pong'), 'pong');
      assert.deepEqual(pong, payload);
    });
  }

  for (const code of CODES) {
    await t.test(`rfc6455 7.1.5: Close ${code}`, async (t) => {
      const client = await openClient(t, server);
      client.ws.close(code, 'bye');
      assert.equal((await client.untilClosed()).code, code);
    });
  }

  await t.test('rfc6455 7.1.5: a Close without a code', async (t) => {
    const client = await openClient(t, server);
    client.ws.close();
    assert.equal((await client.untilClosed()).code, 1005);
  });

  await t.test('rfc6455 5.5.1: what was sent before a Close comes back', async (t) => {
    const client = await openClient(t, server);
    for (let i = 0; i < 100; i++) client.ws.send(`text ${i}`);
    client.ws.close(1000);
    await client.untilClosed();
    const texts = client.received.map(([data]) => data.toString());
    assert.deepEqual(texts, numbered('text', 100));
  });
});

test('one client with permessage-deflate', async (t) => {
  const server = await startEcho(t, { ENABLE_COMPRESSION: 'true', COMPRESSION_MIN_SIZE: '0' });

  for (const isBinary of [false, true]) {
    const kind = isBinary ? 'binary' : 'text';
    for (const size of [0, 1, 125, 126, 65535, 65536, 2 ** 20, 16 * 2 ** 20]) {
      await t.test(`rfc7692 7.2: ${kind} of ${size} bytes, twice, and one in fragments`, async (t) => {
        const client = await openClient(t, server, { threshold: 0 });
        assert.match(client.ws.extensions, /^permessage-deflate/);
        const payload = payloadOf(isBinary ? OP.BINARY : OP.TEXT, size);
        client.ws.send(payload, { binary: isBinary });
        client.ws.send(payload, { binary: isBinary });
        client.ws.send(payload.subarray(0, size >> 1), { binary: isBinary, fin: false });
        client.ws.send(payload.subarray(size >> 1), { binary: isBinary });
        for (let i = 0; i < 3; i++) {
          const [data, cameBinary] = await client.next();
          assert.equal(cameBinary, isBinary);
          assert.ok(payload.equals(data));
        }
      });
    }
  }
});

test('many clients at once', async (t) => {
  const server = await startEcho(t, { WORKER_THREADS: '2' });
  const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(t, server)));
  await t.test('rfc6455 5.6: each gets its own back, in order', () =>
    Promise.all(clients.map(async (client, n) => {
      const texts = Array.from({ length: scaled(200) }, (_, i) => `${n} ${i} ${'x'.repeat((n * i) % 3000)}`);
      for (const text of texts) client.ws.send(text);
      for (const text of texts) assert.equal((await client.next())[0].toString(), text);
    })));
});

test('a client that sends much and reads nothing', async (t) => {
  const server = await startEcho(t, { MAX_OUTPUT_QUEUE: '4m', MAX_MESSAGE_SIZE: '1m' });
  const client = await openClient(t, server);
  const COUNT = 800; // more than kernels take
  const payload = payloadOf(OP.BINARY, 100_000);
  const resident = server.residentBytes();

  await t.test('rfc6455 7.4.1: is not closed, and the server holds no more than its queue', async () => {
    client.ws.pause();
    for (let i = 0; i < COUNT; i++) client.ws.send(payload);
    let read = -Infinity;
    await eventually('the server reads no more, though there is more', async () => {
      const { received_bytes_total: now } = await server.metrics(); // its worker had a turn
      const stands = now - read < 1000 && client.ws.bufferedAmount > 0; // but for the question
      read = now;
      return stands;
    });
    if (!SANITIZED) assert.ok(server.residentBytes() - resident < 16 * 2 ** 20); // they keep what is freed
  });

  await t.test('rfc6455 5.6: and gets all when it reads', async () => {
    client.ws.resume();
    for (let i = 0; i < COUNT; i++) assert.ok(payload.equals((await client.next())[0]));
  });
});
