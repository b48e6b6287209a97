// The certificate of the server: which ones it accepts, and how it replaces them while clients are
// connected.

import assert from 'node:assert/strict';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { httpsGet, install, openTls, startTlsServer, tlsOptions } from './support/tls.mjs';
import { eventually } from './support/wait.mjs';

/** The name in the certificate that the server presents to a new client. */
async function subjectNow(t, server) {
  const client = await openTls(t, server);
  const { subject } = client;
  client.socket.end();
  return subject;
}

function untilSubject(t, server, subject) {
  return eventually(`new clients get the certificate ${subject}`, async () =>
    (await subjectNow(t, server)) === subject);
}

function issueSecond(server) {
  return server.authority.issue(LOOPBACK, { subject: 'second' });
}

test('presents the new certificate to new clients after SIGHUP and keeps the others', async (t) => {
  const server = await startTlsServer(t, { WORKER_THREADS: '2' });
  const session = await openClient(t, server, server);
  const got = await session.subscribe('stay');
  const before = await openTls(t, server);
  assert.equal(before.subject, 'first');
  await before.get('/healthz');
  await before.until('a ticket', () => before.session);

  install(server.files, await issueSecond(server));
  assert.equal(await subjectNow(t, server), 'first', 'the files alone change nothing');
  server.child.kill('SIGHUP');
  await untilSubject(t, server, 'second');

  await session.publish('stay', 'still here');
  await got.untilText('still here');
  assert.match(await before.get('/healthz'), /^HTTP\/1\.1 200 /);
  const returning = await openTls(t, server, { session: before.session });
  assert.equal(returning.socket.isSessionReused(), false, 'a returning client gets the new certificate, too');
  assert.equal(returning.subject, 'second');
  assert.match(server.stderr, /event=certificate_loaded name=second expires=/);
});

test('notices changed files with SSL_CERT_AUTO_RELOAD', async (t) => {
  const options = { SSL_CERT_AUTO_RELOAD: 'true', SSL_CERT_CHECK_INTERVAL: '1' };
  const server = await startTlsServer(t, options);
  const session = await openClient(t, server, server);
  install(server.files, await issueSecond(server));
  await untilSubject(t, server, 'second');
  await session.roundTrip();
  install(server.files, server.first);
  await untilSubject(t, server, 'first');
  const loads = server.stderr.match(/event=certificate_loaded/g).length;
  assert.ok(loads >= 3 && loads <= 5, `${loads} loads: one at the start and one for each change`);
});

test('ignores changed files without SSL_CERT_AUTO_RELOAD', async (t) => {
  const server = await startTlsServer(t, { SSL_CERT_CHECK_INTERVAL: '1' });
  install(server.files, await issueSecond(server));
  const later = Date.now() + 2500;
  await eventually('checks would have been due', () => Date.now() > later);
  assert.equal(await subjectNow(t, server), 'first');
});

/** Ways to spoil the files, each with what the log then says. */
const SPOILED = {
  'a file that is not PEM': {
    spoil: ({ files }) => writeFileSync(files.cert, 'nothing'), says: /live\.pem: not in PEM form/,
  },
  'a missing file': { spoil: ({ files }) => rmSync(files.key), says: /live\.key: No such file/ },
  'the key of another certificate': {
    spoil: async (server) => {
      const { key } = await issueSecond(server);
      install(server.files, { cert: server.first.cert, key });
    },
    says: /live\.key: does not belong to certificate .*live\.pem/,
  },
};

for (const [what, { spoil, says }] of Object.entries(SPOILED)) {
  test(`refuses ${what} in one line and keeps the old certificate`, async (t) => {
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

test('logs one refusal for each change during automatic reloads', async (t) => {
  const options = { SSL_CERT_AUTO_RELOAD: 'true', SSL_CERT_CHECK_INTERVAL: '1' };
  const server = await startTlsServer(t, options);
  const refusals = () => (server.stderr.match(/event=certificate_refused/g) ?? []).length;
  writeFileSync(server.files.cert, 'nothing');
  await server.until('a refusal', () => refusals() === 1);
  const later = Date.now() + 2500;
  await eventually('more checks have been done', () => Date.now() > later);
  assert.equal(refusals(), 1);
  utimesSync(server.files.cert, 1, 1);
  await server.until('another refusal', () => refusals() === 2);
});

test('accepts an expired certificate with a warning', async (t) => {
  const authority = await makeAuthority(t);
  const server = await startServer(t, tlsOptions(await authority.expire()));
  assert.match(server.stderr, / warn event=certificate_expired name=.* expired=\d{4}-/);
  const client = await openTls(t, server, { rejectUnauthorized: false });
  assert.equal(client.subject, authority.name);
});

test('reports the expiry of the certificate as a metric', async (t) => {
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

test('refuses TLS options that cannot work, at the start and with --check-config', async (t) => {
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

test('survives SIGHUP without TLS', async (t) => {
  const server = await startServer(t);
  server.child.kill('SIGHUP');
  await server.until('the log line', () => /event=reloading/.test(server.stderr));
  assert.equal(await server.readiness(), 200);
});

test('does not cut a drain short on SIGHUP', async (t) => {
  const server = await startTlsServer(t, { DRAIN_DELAY: '1' });
  const client = await openClient(t, server, server);
  server.signal('SIGTERM');
  server.child.kill('SIGHUP');
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
});
