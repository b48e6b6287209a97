// Listening sockets that a service manager hands over, and a restart with them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { temporaryFiles } from './support/files.mjs';
import { httpGet } from './support/http.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { httpsGet, startTlsServer } from './support/tls.mjs';
import { BINARY, eventually } from './support/wait.mjs';

const MANAGER = join(dirname(BINARY), 'tests/handover');

/** How to start a server with sockets: `names` as in LISTEN_FDNAMES, and a letter for each kind. */
function withSockets(names, kinds) {
  return { launcher: [MANAGER, names, kinds] };
}

/** The pid of the server itself, which is a child of the manager. */
function serverPid({ pid }) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
}

async function usedPort(t) {
  const other = await startServer(t);
  return { LISTEN_PORT: String(other.port), LISTEN_ADDRESS: '127.0.0.1' };
}

async function refusal(options, names, kinds) {
  const env = { BROKER: 'memory', LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: '0', ...options };
  const { code, stderr } = await runToExit(env, withSockets(names, kinds));
  assert.equal(code, 1, stderr);
  return stderr;
}

test('uses a socket that is handed over instead of LISTEN_PORT', async (t) => {
  const taken = await usedPort(t); // listening there would fail
  const server = await startServer(t, taken, withSockets('http', 't'));
  assert.notEqual(String(server.port), taken.LISTEN_PORT);
  const client = await openClient(t, server);
  await client.roundTrip();
  const flags = parseInt(/^flags:\s+(\d+)$/m.exec(
    readFileSync(`/proc/${serverPid(server)}/fdinfo/3`, 'latin1'))[1], 8);
  assert.ok(flags & 0o4000, 'non-blocking');
  assert.ok(flags & 0o2000000, 'close-on-exec');
});

test('takes a socket without a name as http', async (t) => {
  const server = await startServer(t, await usedPort(t), withSockets('-', 't'));
  assert.equal((await httpGet(server, '/healthz')).status, 200);
});

test('uses each socket for what its name says', async (t) => {
  const how = { ...withSockets('metrics:https:http', 'ttt'), ready: false };
  const server = await startTlsServer(t, await usedPort(t), how);
  const metrics = { port: Number(/metrics_listening.*port=(\d+)/.exec(server.stderr)[1]) };
  assert.equal((await httpGet(metrics, '/metrics')).status, 200);
  assert.equal((await httpGet(server, '/metrics')).status, 404, 'metrics have their own socket');
  assert.equal((await httpsGet(server, '/metrics')).status, 404);
  await (await openClient(t, server)).roundTrip();
  await (await openClient(t, server, server)).roundTrip();
});

test('uses several sockets of one name, and opens those that are not handed over', async (t) => {
  const server = await startServer(t, { METRICS_LISTEN_PORT: '0' },
    { ...withSockets('http:http', 'tt'), ready: false });
  const ports = [...server.stderr.matchAll(/event=listening.*port=(\d+)/g)];
  assert.equal(ports.length, 2);
  for (const [, port] of ports) {
    assert.equal((await httpGet({ port: Number(port) }, '/healthz')).status, 200);
  }
});

test('uses a Unix socket instead of LISTEN_UNIX, and leaves its file to the manager', async (t) => {
  const path = join(temporaryFiles(t).directory, 'eventhub.sock');
  const server = await startServer(t,
    { LISTEN_UNIX: '/nowhere/eventhub.sock', HANDOVER_PATH: path }, withSockets('unix', 'f'));
  const answer = () => new Promise((resolve, reject) => {
    get({ socketPath: path, path: '/healthz', agent: false },
      (incoming) => resolve(incoming.resume().statusCode)).on('error', reject);
  });
  assert.ok(server.stderr.includes(`event=listening path=${path}\n`));
  assert.equal(await answer(), 200);
  assert.equal((await httpGet(server, '/healthz')).status, 200, 'LISTEN_PORT is open, too');
  server.child.kill('SIGUSR1');
  await server.until('the old process has stopped', () => server.stderr.includes('event=stopped'));
  assert.equal(await answer(), 200, 'the next process takes over');
});

test('ignores sockets meant for another process', async (t) => {
  const server = await startServer(t, { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'http' });
  assert.equal((await httpGet(server, '/healthz')).status, 200);
});

const REFUSED = [
  ['a socket that does not listen', 'http', 'b', /must be a listening TCP socket/],
  ['a Unix socket', 'http', 'u', /must be a listening TCP socket/],
  ['a TCP socket called unix', 'unix', 't', /must be a listening Unix socket/],
  ['a datagram socket', 'http', 'd', /must be a listening TCP socket/],
  ['a descriptor that is not a socket', 'http', 'p', /must be a listening TCP socket/],
  ['an unknown name', 'eventhub.socket', 't', /must be http, https or metrics/],
  ['two sockets without names', '-', 'tt', /LISTEN_FDNAMES/],
  ['fewer names than sockets', 'http', 'tt', /LISTEN_FDNAMES/],
  ['a socket for TLS without TLS', 'https', 't', /ENABLE_SSL/],
  ['too many sockets', 'http', 't'.repeat(9), /LISTEN_FDS/],
];

for (const [what, names, kinds, why] of REFUSED) {
  test(`exits with status 1 on ${what}`, async () => {
    assert.match(await refusal({}, names, kinds), why);
  });
}

test('exits with status 1 on a plain socket when only TLS is permitted', async (t) => {
  const tls = await startTlsServer(t);
  const options = { ENABLE_SSL: 'true', SSL_LISTEN_PORT: '0', SSL_CERTIFICATE: tls.files.cert,
    SSL_PRIVATE_KEY: tls.files.key, DISABLE_UNSECURE_LISTENER: 'true' };
  assert.match(await refusal(options, 'http', 't'), /DISABLE_UNSECURE_LISTENER/);
});

/** Sends requests, each on a new connection, until told to stop. */
async function load(server, seen) {
  while (!seen.isOver) {
    try {
      const { status } = await httpGet(server, '/healthz');
      seen.count[status] = (seen.count[status] ?? 0) + 1;
    } catch (error) {
      seen.errors.push(`${error.code} ${error.message}`);
    }
  }
}

test('refuses no client during a restart with the same socket', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '8' }, withSockets('http', 't'));
  const seen = { count: {}, errors: [], isOver: false };
  const loads = Array.from({ length: 16 }, () => load(server, seen));
  const starts = () => server.stderr.match(/event=started/g).length;
  for (let round = 1; round <= 4; round++) {
    const before = seen.count[200] ?? 0;
    const client = await openClient(t, server);
    await eventually('requests are served', () => (seen.count[200] ?? 0) >= before + 200);
    server.child.kill('SIGUSR1');
    await client.untilClosed();
    assert.equal(client.closed.code, 1001);
    await (await openClient(t, server)).roundTrip(); // may wait for the next process
    await server.until('the next start', () => starts() === round + 1);
  }
  seen.isOver = true;
  await Promise.all(loads);
  t.diagnostic(`answers: ${JSON.stringify(seen.count)}`);
  assert.deepEqual(seen.errors, []);
  assert.deepEqual(Object.keys(seen.count), ['200']);
});
