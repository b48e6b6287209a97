// TLS: versions, ciphers, handshakes, and connections over TLS.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { httpGet } from './support/http.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket } from './support/socket.mjs';
import { httpsGet, openTls, startTlsServer, tlsErrorOf, tlsOptions } from './support/tls.mjs';
import { eventually } from './support/wait.mjs';

/** A target for raw bytes to the TLS port. */
function rawPort(server) {
  return { port: server.tlsPort };
}

test('serves HTTPS and HTTP', async (t) => {
  const server = await startTlsServer(t);
  const isAlone = (body) => /^eventhub_current_connections_count 1$/m.test(body);
  const secure = await eventually('the scrape is the only connection', async () => {
    const answer = await httpsGet(server, '/metrics');
    return answer.status !== 200 || isAlone(answer.body) ? answer : null;
  });
  assert.equal(secure.status, 200);
  assert.ok(isAlone(secure.body));
  assert.equal((await httpGet(server, '/healthz')).status, 200);
});

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  test(`supports ${version}, with http/1.1 by ALPN`, async (t) => {
    const server = await startTlsServer(t);
    const versions = { minVersion: version, maxVersion: version };
    const client = await openTls(t, server, { ...versions, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(client.socket.getProtocol(), version);
    assert.equal(client.socket.alpnProtocol, 'http/1.1');
    assert.match(client.socket.getCipher().name, /GCM|CHACHA20/);
    assert.match(await client.get('/healthz'), /^HTTP\/1\.1 200 /);
  });
}

test('refuses and counts TLS 1.1, old ciphers, and h2 alone', async (t) => {
  const server = await startTlsServer(t);
  const old = { ciphers: 'ALL:@SECLEVEL=0' };
  const refused = [
    { ...old, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    { ciphers: 'ECDHE-ECDSA-AES128-SHA256', maxVersion: 'TLSv1.2' },
    { ALPNProtocols: ['h2'] },
  ];
  for (const options of refused) {
    assert.match((await tlsErrorOf(t, server, options)).code, /ALERT|ECONNRESET/);
  }
  await server.untilMetric('all are counted', (now) =>
    now.disconnects_total.tls_handshake === refused.length);
});

test('survives a client that does not trust the certificate', async (t) => {
  const server = await startTlsServer(t);
  const stranger = await tlsErrorOf(t, server, { ca: undefined });
  assert.match(stranger.code, /UNABLE_TO_|SELF_SIGNED/);
  await eventually('the client is gone', async () =>
    (await server.metrics()).current_connections_count === 1);
});

const JUNK = {
  'plain HTTP': 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'another protocol': 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n',
  'a stream of zeros': Buffer.alloc(100_000),
};

for (const [what, bytes] of Object.entries(JUNK)) {
  test(`closes the connection on ${what} to the TLS port`, async (t) => {
    const server = await startTlsServer(t);
    const socket = await openSocket(t, rawPort(server));
    socket.send(bytes).catch(() => {});
    await socket.untilEnd();
    await server.untilMetric('counted', (now) => now.disconnects_total.tls_handshake === 1);
    assert.equal((await httpsGet(server, '/healthz')).status, 200);
  });
}

test('drops a client that stops during the handshake', async (t) => {
  const server = await startTlsServer(t, { HANDSHAKE_TIMEOUT: '1' });
  const silent = await openSocket(t, rawPort(server));
  const half = await openSocket(t, rawPort(server));
  await half.send(Buffer.from('16030100c8010000c40303', 'hex')); // of a ClientHello
  await Promise.all([silent.untilEnd(), half.untilEnd()]);
  await server.untilMetric('counted', (now) => now.disconnects_total.handshake_timeout === 2);
});

test('counts a client that disconnects during the handshake as disconnected', async (t) => {
  const server = await startTlsServer(t);
  const socket = await openSocket(t, rawPort(server));
  socket.socket.end();
  await socket.untilEnd();
  await server.untilMetric('counted', (now) => now.disconnects_total.client >= 1);
});

test('delivers large messages over TLS', async (t) => {
  const server = await startTlsServer(t);
  const [a, b] = await Promise.all([1, 2].map(() => openClient(t, server, server)));
  const got = await b.subscribe('tls/#');
  const large = 'ä'.repeat(300_000);
  await a.publish('tls/1', 'small');
  await a.publish('tls/1', large);
  await a.publishAll('tls/2', Array.from({ length: 500 }, (_, i) => `message ${i}`));
  await got.untilCount(502);
  assert.equal(got.texts[0], 'small');
  assert.equal(got.texts[1], large);
  assert.equal(got.texts.at(-1), 'message 499');
});

test('delivers messages between plain and TLS clients', async (t) => {
  const server = await startTlsServer(t);
  const plain = await openClient(t, server);
  const secure = await openClient(t, server, server);
  const got = await plain.subscribe('both');
  await secure.publish('both', 'hello');
  await got.untilText('hello');
});

test('drops a TLS client that does not read, and keeps serving others', async (t) => {
  const server = await startTlsServer(t, { MAX_OUTPUT_QUEUE: '64k', WORKER_THREADS: '1' });
  const slow = await openClient(t, server, server);
  const other = await openClient(t, server, server);
  await slow.subscribe('flood');
  slow.socket.pause();
  const text = 'x'.repeat(50_000);
  await eventually('the client is dropped', async () => {
    await other.publish('flood', text);
    return (await server.metrics()).subscriptions === 0;
  });
  slow.socket.resume();
  await slow.untilClosed();
  assert.equal(slow.closed.code, 1013, 'the Close comes after complete messages');
  await other.roundTrip();
});

test('sends a half-closed client its answer and a close_notify', async (t) => {
  const server = await startTlsServer(t);
  const client = await openTls(t, server, { allowHalfOpen: true });
  client.socket.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await client.untilEnd(); // 'end' is a close_notify; a missing one would be an error
  assert.match(client.received, /^HTTP\/1\.1 200 /);
  assert.equal(client.error, null);
});

test('resumes sessions on any worker', async (t) => {
  const server = await startTlsServer(t, { WORKER_THREADS: '3' });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    const before = (await server.metrics()).tls_handshakes_total.resumed;
    const first = await openTls(t, server, { maxVersion });
    await first.get('/healthz');
    await first.until('a ticket', () => first.session);
    assert.equal(first.socket.isSessionReused(), false);
    for (let i = 0; i < 6; i++) {
      const again = await openTls(t, server, { maxVersion, session: first.session });
      assert.equal(again.socket.isSessionReused(), true, `connection ${i} with ${maxVersion}`);
      assert.match(await again.get('/healthz'), /^HTTP\/1\.1 200 /);
    }
    await server.untilMetric('counted', (now) => now.tls_handshakes_total.resumed === before + 6);
  }
});

test('listens only for TLS with DISABLE_UNSECURE_LISTENER', async (t) => {
  const options = { DISABLE_UNSECURE_LISTENER: 'true' };
  const server = await startTlsServer(t, options, { ready: false });
  assert.equal(server.port, 0);
  assert.equal(server.stderr.match(/event=listening\b/g).length, 1);
  await eventually('the server is ready', async () => (await httpsGet(server, '/readyz')).status === 200);
});

test('drains TLS clients with Close 1001 and close_notify, and waits for no handshake',
  async (t) => {
    const server = await startTlsServer(t, { SHUTDOWN_TIMEOUT: '5' });
    const clients = await Promise.all([1, 2, 3].map(() => openClient(t, server, server)));
    const idle = await openTls(t, server);
    const stuck = await openSocket(t, rawPort(server));
    await stuck.send(Buffer.from('1603', 'hex'));
    server.signal('SIGTERM');
    await Promise.all([...clients.map((client) => client.untilClosed()), idle.untilEnd()]);
    for (const { closed } of clients) assert.equal(closed.code, 1001);
    assert.equal(idle.error, null);
    await stuck.untilEnd();
    await server.stop();
    assert.match(server.stderr, /event=stopped reset=0/);
  });

test('sends a chain through an intermediate authority', async (t) => {
  const root = await makeAuthority(t, 'Root');
  const between = await root.delegate(t, 'Between');
  const pair = await between.issue(LOOPBACK, { subject: 'leaf' });
  const chain = join(root.dir, 'chain.pem');
  const roots = join(root.dir, 'roots.pem');
  writeFileSync(chain, readFileSync(pair.cert, 'utf8') + between.pem);
  writeFileSync(roots, between.pem + root.pem);

  const start = (more) => startServer(t, { ...tlsOptions(pair), ...more });
  const alone = await start({});
  assert.equal((await tlsErrorOf(t, { ...rawTls(alone), ca: root.pem })).code,
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  for (const more of [{ SSL_CERTIFICATE: chain }, { SSL_CA_CERTIFICATE: roots },
    { SSL_CA_CERTIFICATE: between.ca }]) {
    const server = await start(more);
    const client = await openTls(t, { ...rawTls(server), ca: root.pem });
    assert.equal(client.subject, 'leaf');
  }
});

function rawTls({ tlsPort }) {
  return { tlsPort };
}
