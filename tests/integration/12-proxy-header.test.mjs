// PROXY_PROTOCOL: the header that a load balancer puts before the bytes of the client.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { defer } from './support/cleanup.mjs';
import { httpGet } from './support/http.mjs';
import { peerOf, TELLS_PEERS } from './support/peer.mjs';
import { freePort } from './support/port.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, requestHead } from './support/socket.mjs';
import { startTlsServer, TlsSocket, tlsErrorOf } from './support/tls.mjs';
import { eventually, within } from './support/wait.mjs';

const HAPROXY = '/usr/sbin/haproxy';
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const NOT_READY = { ready: false }; // /readyz needs the header, too

function version2(command, family, body) {
  const head = Buffer.from([command, family, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([SIGNATURE, head, body]);
}

const V4 = Buffer.from([1, 2, 3, 4, 10, 0, 0, 1, 0x12, 0x67, 0, 80]);
const V6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'), Buffer.from([0x12, 0x67, 0, 80]),
]);
const MUCH = Buffer.alloc(65_535 - V4.length, 0x04); // as much as the length field can say
const TLV = Buffer.concat([Buffer.from([0x20, 0x08, 0x00]), Buffer.alloc(2048)]);

const HEADERS = [
  ['v1, IPv4', 'PROXY TCP4 1.2.3.4 10.0.0.1 4711 80\r\n', '1.2.3.4:4711'],
  ['v1, IPv6', 'PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n', '[2001:db8::1]:4711'],
  ['v1, UNKNOWN', 'PROXY UNKNOWN ffff:f00f::1 ffff:f00f::2 1 2\r\n', /^127\.0\.0\.1:/],
  ['v2, IPv4', version2(0x21, 0x11, V4), '1.2.3.4:4711'],
  ['v2, IPv6', version2(0x21, 0x21, V6), '[2001:db8::1]:4711'],
  ['v2 with TLVs', version2(0x21, 0x11, Buffer.concat([V4, TLV])), '1.2.3.4:4711'],
  ['v2 with 64 KiB of TLVs', version2(0x21, 0x11, Buffer.concat([V4, MUCH])), '1.2.3.4:4711'],
  ['v2, LOCAL with 64 KiB of TLVs', version2(0x20, 0x00, MUCH), /^127\.0\.0\.1:/],
  ['v2, LOCAL', version2(0x20, 0x00, Buffer.alloc(0)), /^127\.0\.0\.1:/],
];

const BAD = [
  ['no header', requestHead('GET /healthz HTTP/1.1', { Host: 'x' })],
  ['a TLS hello', Buffer.from('160301020001000001fc0303', 'hex')],
  ['v1 with a bad address', 'PROXY TCP4 1.2.3.256 10.0.0.1 4711 80\r\n'],
  ['v1 without an end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ['v2 with an unknown version', version2(0x11, 0x11, V4)],
  ['v2, too short for its addresses', version2(0x21, 0x21, V4)],
];

function startBehind(t, options = {}) {
  return startServer(t, { ...TELLS_PEERS, PROXY_PROTOCOL: 'true', ...options }, NOT_READY);
}

async function metricsThrough(t, server) {
  const socket = await openSocket(t, server);
  const request = requestHead('GET /metrics?format=json HTTP/1.1', { Host: 'x' });
  await socket.send(`PROXY UNKNOWN\r\n${request}`);
  return JSON.parse((await socket.readResponse()).body);
}

test('valid PROXY headers', async (t) => {
  const server = await startBehind(t);

  for (const [name, header, want] of HEADERS) {
    await t.test(`finds the client in ${name}`, async (t) => {
      const peer = await peerOf(t, server, { before: header });
      if (want instanceof RegExp) assert.match(peer, want);
      else assert.equal(peer, want);
    });
  }

  await t.test('accepts a header byte by byte', async (t) => {
    for (const [, header, want] of [HEADERS[0], HEADERS[3]]) {
      const socket = await openSocket(t, server);
      for (const byte of Buffer.from(header)) await socket.send(Buffer.from([byte]));
      assert.equal(await peerOf(t, server, { socket }), want);
    }
  });

  await t.test('accepts a long header in pieces, and keeps none of it', async (t) => {
    const socket = await openSocket(t, server);
    const [, header, want] = HEADERS[6];
    for (let at = 0; at < header.length; at += 5_000) {
      await socket.send(header.subarray(at, at + 5_000));
      await delay(1);
    }
    assert.equal(await peerOf(t, server, { socket }), want);
  });

  await t.test('attributes later requests to the same client', async (t) => {
    const socket = await openSocket(t, server);
    const request = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });
    await socket.send(`${HEADERS[0][1]}${request}${request}`);
    assert.equal((await socket.readResponse()).status, 200);
    assert.equal((await socket.readResponse()).status, 200);
    assert.equal(await peerOf(t, server, { socket }), HEADERS[0][2]);
  });
});

test('invalid PROXY headers', async (t) => {
  const server = await startBehind(t, { LOG_LEVEL: 'debug' });

  for (const [name, bytes] of BAD) {
    await t.test(`closes the connection on ${name}`, async (t) => {
      const socket = await openSocket(t, server);
      await socket.send(bytes);
      await socket.untilEnd();
      assert.equal(socket.received.length, 0);
    });
  }

  await t.test('applies the handshake timeout to half a header', async (t) => {
    const hasty = await startBehind(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });
    const socket = await openSocket(t, hasty);
    await socket.send(HEADERS[3][1].subarray(0, 20));
    await socket.untilEnd();
    assert.equal((await metricsThrough(t, hasty)).disconnects_total.handshake_timeout, 1);
  });

  await t.test('counts and logs refused headers', async (t) => {
    const metrics = await metricsThrough(t, server);
    assert.equal(metrics.refused_requests_total.bad_proxy_header, BAD.length);
    assert.equal(metrics.disconnects_total.protocol, BAD.length);
    assert.match(server.stderr, /debug event=proxy_header_refused peer="?127\.0\.0\.1:/);
  });
});

test('accepts a header before TLS, in one packet with the hello or alone', async (t) => {
  const server = await startTlsServer(t,
    { ...TELLS_PEERS, PROXY_PROTOCOL: 'true' }, NOT_READY);
  for (const pause of [false, true]) {
    const raw = await openSocket(t, { port: server.tlsPort });
    raw.socket.removeAllListeners('data').cork();
    raw.socket.write(HEADERS[3][1]);
    if (pause) raw.socket.uncork();
    const client = new TlsSocket(t, server, { socket: raw.socket, servername: 'localhost' });
    if (!pause) raw.socket.uncork();
    await client.untilSecure();
    client.socket.write(handshake());
    await client.untilReceived(/^HTTP\/1\.1 401 /);
  }
  const peers = () => [...server.stderr.matchAll(/event=unauthorized peer="?([^\s"]+)/g)];
  await server.until('both clients in the log', () => peers().length === 2);
  assert.deepEqual(peers().map(([, peer]) => peer), [HEADERS[3][2], HEADERS[3][2]]);

  await t.test('refuses TLS without a header', async (t) => {
    await tlsErrorOf(t, server);
  });
});

test('answers 400 to a header without PROXY_PROTOCOL', async (t) => {
  const server = await startServer(t);
  const socket = await openSocket(t, server);
  await socket.send(HEADERS[0][1]);
  assert.equal((await socket.readResponse()).status, 400);
});

test('drains while it waits for a header', async (t) => {
  const server = await startBehind(t);
  const socket = await openSocket(t, server);
  await socket.send('PROXY TCP4 1.2.3.4');
  await server.stop();
  await socket.untilEnd();
});

async function startHaproxy(t, server, backend) {
  const dir = mkdtempSync(join(tmpdir(), 'eventhub-haproxy-'));
  const front = { port: await freePort() };
  writeFileSync(join(dir, 'haproxy.cfg'), `defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend public
  bind 127.0.0.1:${front.port}
  default_backend eventhub
backend eventhub
${backend.replaceAll('SERVER', `server one 127.0.0.1:${server.port}`)}
`);
  const child = spawn(HAPROXY, ['-db', '-f', join(dir, 'haproxy.cfg')], { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.on('close', resolve));
  defer(t, async () => {
    child.kill('SIGTERM');
    await within(gone, 'end of HAProxy');
    rmSync(dir, { recursive: true });
  });
  await eventually('HAProxy answers', () =>
    httpGet(front, '/healthz').then(({ status }) => status === 200, () => false));
  return front;
}

for (const [name, how] of [['1', 'send-proxy'], ['2', 'send-proxy-v2']]) {
  const missing = !process.env.CI && !existsSync(HAPROXY) && `${HAPROXY} is missing`;
  test(`finds the client behind HAProxy with version ${name}`, { skip: missing }, async (t) => {
    const server = await startBehind(t, { DISABLE_AUTH: 'true', LOG_LEVEL: 'debug' });
    const backend = `  mode tcp\n  SERVER ${how} check check-send-proxy`;
    const front = await startHaproxy(t, server, backend);
    const client = await openClient(t, front);
    const port = client.socket._socket.localPort;
    await client.roundTrip();
    client.socket.close();
    await client.untilClosed();
    await server.until('the client in the log', () =>
      new RegExp(`event=disconnected .*peer="?127\\.0\\.0\\.1:${port}\\b`).test(server.stderr));
  });
}
