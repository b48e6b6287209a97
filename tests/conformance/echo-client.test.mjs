// ws_echo with the npm client `ws`, an independent implementation that must agree with ours.

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

/** A client that keeps what it receives: [data, isBinary]. */
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

test('echoes to one client', async (t) => {
  const server = await startEcho(t);

  for (const isBinary of [false, true]) {
    const kind = isBinary ? 'binary' : 'text';
    for (const size of [0, 1, 125, 126, 65535, 65536, 2 ** 20, 16 * 2 ** 20]) {
      await t.test(`rfc6455 5.6: echoes ${kind} of ${size} bytes`, async (t) => {
        const client = await openClient(t, server);
        const payload = payloadOf(isBinary ? OP.BINARY : OP.TEXT, size);
        client.ws.send(payload, { binary: isBinary });
        const [data, cameBinary] = await client.next();
        assert.equal(cameBinary, isBinary);
        assert.ok(payload.equals(data));
      });
    }

    await t.test(`rfc6455 5.4: echoes ${kind} in fragments`, async (t) => {
      const client = await openClient(t, server);
      const parts = ['one ', '', 'two ', 'three'];
      for (const [i, part] of parts.entries()) {
        client.ws.send(part, { binary: isBinary, fin: i === parts.length - 1 });
      }
      const [data, cameBinary] = await client.next();
      assert.deepEqual([data.toString(), cameBinary], [parts.join(''), isBinary]);
    });

    for (const size of [0, 16, 64, 256, 1024, 4096]) {
      await t.test(`rfc6455 5.6: echoes many messages of ${kind}, ${size} bytes each`, async (t) => {
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
    await t.test(`rfc6455 5.5.2: answers a ping of ${size} bytes`, async (t) => {
      const client = await openClient(t, server);
      const payload = payloadOf(OP.BINARY, size);
      client.ws.ping(payload);
      const [pong] = await within(once(client.ws, 'pong'), 'pong');
      assert.deepEqual(pong, payload);
    });
  }

  for (const code of CODES) {
    await t.test(`rfc6455 7.1.5: answers Close ${code}`, async (t) => {
      const client = await openClient(t, server);
      client.ws.close(code, 'bye');
      assert.equal((await client.untilClosed()).code, code);
    });
  }

  await t.test('rfc6455 7.1.5: answers a Close without a code', async (t) => {
    const client = await openClient(t, server);
    client.ws.close();
    assert.equal((await client.untilClosed()).code, 1005);
  });

  await t.test('rfc6455 5.5.1: echoes messages sent before a Close', async (t) => {
    const client = await openClient(t, server);
    for (let i = 0; i < 100; i++) client.ws.send(`text ${i}`);
    client.ws.close(1000);
    await client.untilClosed();
    const texts = client.received.map(([data]) => data.toString());
    assert.deepEqual(texts, numbered('text', 100));
  });
});

test('echoes to one client with permessage-deflate', async (t) => {
  const server = await startEcho(t, { ENABLE_COMPRESSION: 'true', COMPRESSION_MIN_SIZE: '0' });

  for (const isBinary of [false, true]) {
    const kind = isBinary ? 'binary' : 'text';
    for (const size of [0, 1, 125, 126, 65535, 65536, 2 ** 20, 16 * 2 ** 20]) {
      await t.test(`rfc7692 7.2: echoes ${kind} of ${size} bytes, whole and in fragments`, async (t) => {
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

test('echoes to many clients at once', async (t) => {
  const server = await startEcho(t, { WORKER_THREADS: '2' });
  const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(t, server)));
  await t.test('rfc6455 5.6: sends each client its own messages in order', () =>
    Promise.all(clients.map(async (client, n) => {
      const texts = Array.from({ length: scaled(200) }, (_, i) => `${n} ${i} ${'x'.repeat((n * i) % 3000)}`);
      for (const text of texts) client.ws.send(text);
      for (const text of texts) assert.equal((await client.next())[0].toString(), text);
    })));
});

test('a client that sends much and does not read', async (t) => {
  const server = await startEcho(t, { MAX_OUTPUT_QUEUE: '4m', MAX_MESSAGE_SIZE: '1m' });
  const client = await openClient(t, server);
  const COUNT = 800; // more than the kernel buffers hold
  const payload = payloadOf(OP.BINARY, 100_000);
  const resident = server.residentBytes();

  await t.test('rfc6455 7.4.1: stops reading it instead of closing or holding everything', async () => {
    client.ws.pause();
    for (let i = 0; i < COUNT; i++) client.ws.send(payload);
    let read = -Infinity;
    await eventually('the server stops reading although more is sent', async () => {
      const { received_bytes_total: now } = await server.metrics(); // so its worker had a turn
      const hasStopped = now - read < 1000 && client.ws.bufferedAmount > 0; // except the scrape
      read = now;
      return hasStopped;
    });
    if (!SANITIZED) assert.ok(server.residentBytes() - resident < 16 * 2 ** 20); // sanitizers keep freed memory
  });

  await t.test('rfc6455 5.6: sends everything once the client reads', async () => {
    client.ws.resume();
    for (let i = 0; i < COUNT; i++) assert.ok(payload.equals((await client.next())[0]));
  });
});
