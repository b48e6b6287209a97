// The server's certificate: which is taken, and how it is replaced while clients are connected.

import assert from 'node:assert/strict';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { httpsGet, install, openTls, startTlsServer, tlsOptions } from './support/tls.mjs';
import { eventually } from './support/wait.mjs';

/** The name in the certificate that a new client is shown. */
async function subjectNow(t, server) {
  const client = await openTls(t, server);
  const { subject } = client;
  client.socket.end();
  return subject;
}

function untilSubject(t, server, subject) {
  return eventually(`new clients are shown ${subject}`, async () =>
    (await subjectNow(t, server)) === subject);
}

function issueSecond(server) {
  return server.authority.issue(LOOPBACK, { subject: 'second' });
}

test('SIGHUP: new clients see the new certificate, the others stay', async (t) => {
  const server = await startTlsServer(t, { WORKER_THREADS: '2' });
  const session = await openClient(t, server, server);
  const got = await session.subscribe('stay');
  const before = await openTls(t, server);
  assert.equal(before.subject, 'first');
  await before.get('/healthz');
  await before.until('a ticket', () => before.session);

  install(server.files, await issueSecond(server));
  assert.equal(await subjectNow(t, server), 'first', 'not yet');
  server.child.kill('SIGHUP');
  await untilSubject(t, server, 'second');

  await session.publish('stay', 'still here');
  await got.untilText('still here');
  assert.match(await before.get('/healthz'), /^HTTP\/1\.1 200 /);
  const returning = await openTls(t, server, { session: before.session });
  assert.equal(returning.socket.isSessionReused(), false, 'who comes back sees the new one, too');
  assert.equal(returning.subject, 'second');
  assert.match(server.stderr, /event=certificate_loaded name=second expires=/);
});

test('SSL_CERT_AUTO_RELOAD: a change of the files is enough', async (t) => {
  const options = { SSL_CERT_AUTO_RELOAD: 'true', SSL_CERT_CHECK_INTERVAL: '1' };
  const server = await startTlsServer(t, options);
  const session = await openClient(t, server, server);
  install(server.files, await issueSecond(server));
  await untilSubject(t, server, 'second');
  await session.roundTrip();
  install(server.files, server.first);
  await untilSubject(t, server, 'first');
  const loads = server.stderr.match(/event=certificate_loaded/g).length;
  assert.ok(loads >= 3 && loads <= 5, `${loads} times: once at the start, and once for each change`);
});

test('without it the files are not looked at', async (t) => {
  const server = await startTlsServer(t, { SSL_CERT_CHECK_INTERVAL: '1' });
  install(server.files, await issueSecond(server));
  const later = Date.now() + 2500;
  await eventually('some checks would have been due', () => Date.now() > later);
  assert.equal(await subjectNow(t, server), 'first');
});

/** Each spoils the files; `says` is what the log must then say. */
const SPOILED = {
  'no PEM': {
    spoil: ({ files }) => writeFileSync(files.cert, 'nothing'), says: /live\.pem: not in PEM form/,
  },
  'no file': { spoil: ({ files }) => rmSync(files.key), says: /live\.key: No such file/ },
  'another key': {
    spoil: async (server) => {
      const { key } = await issueSecond(server);
      install(server.files, { cert: server.first.cert, key });
    },
    says: /live\.key: does not belong to certificate .*live\.pem/,
  },
};

for (const [what, { spoil, says }] of Object.entries(SPOILED)) {
  test(`${what}: refused in one line, and the old certificate stays`, async (t) => {
    const server = await startTlsServer(t);
    await spoil(server);
    server.child.kill('SIGHUP');
    await server.until('the refusal', () => /event=certificate_refused/.test(server.stderr));
    const line = /.*event=certificate_refused.*/.exec(server.stderr)[0];
    assert.match(line, says);
    assert.match(line, / error /);
    assert.equal(await subjectNow(t, server), 'first');
    await server.untilMetric('counted', (now) => now.certificate_reloads_refused_total === 1);

    install(server.files, await issueSecond(server));
    server.child.kill('SIGHUP');
    await untilSubject(t, server, 'second');
  });
}

test('an automatic reload complains once about each change', async (t) => {
  const options = { SSL_CERT_AUTO_RELOAD: 'true', SSL_CERT_CHECK_INTERVAL: '1' };
  const server = await startTlsServer(t, options);
  const refusals = () => (server.stderr.match(/event=certificate_refused/g) ?? []).length;
  writeFileSync(server.files.cert, 'nothing');
  await server.until('a refusal', () => refusals() === 1);
  const later = Date.now() + 2500;
  await eventually('more checks are done', () => Date.now() > later);
  assert.equal(refusals(), 1);
  utimesSync(server.files.cert, 1, 1);
  await server.until('another refusal', () => refusals() === 2);
});

test('an expired certificate is taken, with a warning', async (t) => {
  const authority = await makeAuthority(t);
  const server = await startServer(t, tlsOptions(await authority.expire()));
  assert.match(server.stderr, / warn event=certificate_expired name=.* expired=\d{4}-/);
  const client = await openTls(t, server, { rejectUnauthorized: false });
  assert.equal(client.subject, authority.name);
});

test('how long it is valid is a metric', async (t) => {
  const server = await startTlsServer(t);
  const { body } = await httpsGet(server, '/metrics');
  const [, expiry] = /^eventhub_certificate_expiry_timestamp_seconds (\d+)$/m.exec(body);
  const days = (Number(expiry) - Date.now() / 1000) / 86_400;
  assert.ok(days > 1.9 && days <= 2, `${days} days`);
});

async function assertRefused(env, says) {
  for (const args of [[], ['--check-config']]) {
    const options = { BROKER: 'memory', LISTEN_PORT: '0', ...env };
    const { code, stdout, stderr } = await runToExit(options, { args });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]+\n$/, 'one line');
    assert.match(stderr, says);
  }
}

test('what cannot work is refused at the start, and by --check-config', async (t) => {
  const authority = await makeAuthority(t);
  const pair = await authority.issue(LOOPBACK);
  const good = tlsOptions(pair);
  await assertRefused({ DISABLE_UNSECURE_LISTENER: 'true' }, /ENABLE_SSL/);
  await assertRefused({ ...good, SSL_CERTIFICATE: '' }, /SSL_CERTIFICATE/);
  await assertRefused({ ...good, SSL_PRIVATE_KEY: '' }, /SSL_PRIVATE_KEY/);
  await assertRefused({ ...good, SSL_CERTIFICATE: '/no/where' }, /\/no\/where: No such file/);
  await assertRefused({ ...good, SSL_PRIVATE_KEY: authority.caKey }, /does not belong/);
  await assertRefused({ ...good, SSL_CA_CERTIFICATE: pair.key }, /certificate/);

  const { code, stdout } = await runToExit({ ...good, BROKER: 'memory' },
    { args: ['--check-config'] });
  assert.equal(code, 0);
  assert.match(stdout, /valid/);
});

test('SIGHUP without TLS is no end', async (t) => {
  const server = await startServer(t);
  server.child.kill('SIGHUP');
  await server.until('it is noted', () => /event=reloading/.test(server.stderr));
  assert.equal(await server.readiness(), 200);
});

test('SIGHUP while draining does not cut the drain short', async (t) => {
  const server = await startTlsServer(t, { DRAIN_DELAY: '1' });
  const client = await openClient(t, server, server);
  server.signal('SIGTERM');
  server.child.kill('SIGHUP');
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
});
