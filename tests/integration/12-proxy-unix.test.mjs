// LISTEN_UNIX: clients of a proxy on the same machine, which connects over a Unix socket and so has no
// address of its own.

import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import WebSocket from 'ws';

import { runCtl } from './support/ctl.mjs';
import { temporaryFiles } from './support/files.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { DEFAULTS, runToExit, startServer } from './support/server.mjs';
import { eventually, within } from './support/wait.mjs';

function socketIn(t) {
  return join(temporaryFiles(t).directory, 'eventhub.sock');
}

/** The status of a GET over the socket. */
function get(socketPath, path, headers = {}) {
  return within(new Promise((resolve, reject) => {
    request({ socketPath, path, headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject).end();
  }), `GET ${path}`);
}

/** Opens a WebSocket for a client that the proxy names; resolves to it, or to the status of the refusal. */
function connect(socketPath, forwardedFor) {
  const headers = forwardedFor ? { 'X-Forwarded-For': forwardedFor } : {};
  const socket = new WebSocket(`ws+unix:${socketPath}:/`, { headers });
  return within(new Promise((resolve, reject) => {
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode));
    socket.on('error', reject);
  }), 'the handshake');
}

test('serves clients over a Unix socket and over TCP', async (t) => {
  const { directory, write } = temporaryFiles(t);
  const path = join(directory, 'eventhub.sock');
  const server = await startServer(t,
    { LISTEN_UNIX: path, LISTEN_UNIX_MODE: '600', DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(server.stderr.includes(`event=listening path=${path}\n`));
  const token = signToken({ read: ['#'], write: ['#'] });
  const client = await openClient(t, server, { headers: { Authorization: token } });
  const got = await client.subscribe('a/#');
  const large = 'x'.repeat(300_000);

  const ctl = (...args) => runCtl([...args, '--url', `unix:${path}`], { env: { EVENTHUB_TOKEN: token } });
  assert.equal((await ctl('pub', 'a/b', '--file', write('large', large))).code, 0);
  await got.untilText(large);
  const { stdout, stderr } = await ctl('log', 'a/b');
  assert.ok(stdout.includes(large), stderr);
  assert.equal((await ctl('health', '--ready')).code, 0);

  await t.test('takes the client from X-Forwarded-For, whatever TRUSTED_PROXIES says', async () => {
    const refusedAs = async (headers, peer) => {
      assert.equal(await get(path, '/a', { Accept: 'text/event-stream', ...headers }), 401);
      await server.until(`peer=${peer} in the log`, () => server.stderr.includes(`event=unauthorized peer=${peer} `));
    };
    await refusedAs({}, 'unix');
    await refusedAs({ 'X-Forwarded-For': '6.6.6.6, 192.0.2.1' }, '192.0.2.1:0');
  });
});

test('limits clients, but not the proxy, to MAX_CONNECTIONS_PER_IP', async (t) => {
  const path = socketIn(t);
  await startServer(t, { LISTEN_UNIX: path, MAX_CONNECTIONS_PER_IP: '1', LISTEN_ADDRESS: '127.0.0.1' });
  const sockets = [await connect(path), await connect(path), await connect(path, '192.0.2.1')];
  assert.equal(await connect(path, '192.0.2.1'), 429);
  sockets.push(await connect(path, '192.0.2.2'));
  assert.deepEqual(sockets.map(({ readyState }) => readyState), [1, 1, 1, 1]);
  for (const socket of sockets) socket.terminate();
});

test('listens on nothing else, with a PROXY header, and knows its own health', async (t) => {
  const path = socketIn(t);
  const options = { LISTEN_UNIX: path, DISABLE_UNSECURE_LISTENER: 'true', PROXY_PROTOCOL: 'true' };
  const server = await startServer(t, options, { ready: false });
  assert.equal(server.stderr.match(/event=listening/g).length, 1);
  const check = (more) => runToExit({ ...DEFAULTS, ...options, ...more }, { args: ['--health-check=ready'] });
  await eventually('the server is ready', async () => (await check()).code === 0);
  assert.equal((await check({ PROXY_PROTOCOL: 'false' })).code, 1);
  await server.stop();
  assert.ok(!existsSync(path), 'the file is removed');
  assert.match((await check()).stdout, /^\/readyz: \/.*eventhub\.sock: No such file or directory\n$/);
});

test('never takes the socket from a server that runs, and replaces what a dead one left', async (t) => {
  const path = socketIn(t);
  const options = { LISTEN_UNIX: path };
  const first = await startServer(t, options);
  const { code, stderr } = await runToExit({ ...DEFAULTS, ...options });
  assert.equal(code, 1);
  assert.match(stderr, /event=listen_failed path=\S+ why="another process listens there"/);
  assert.equal(await get(path, '/healthz'), 200, 'and the file stays');

  first.expectedCode = 'SIGKILL';
  first.signal('SIGKILL');
  await first.untilExit();
  assert.ok(existsSync(path), 'nobody removes it');
  const second = await startServer(t, options);
  assert.equal(await get(path, '/healthz'), 200);
  await second.stop();
  assert.ok(!existsSync(path));
});

test('serves those who wait in the socket when the server stops', async (t) => {
  const path = socketIn(t);
  const server = await startServer(t, { LISTEN_UNIX: path, DRAIN_DELAY: '1', SHUTDOWN_TIMEOUT: '3' });
  const socket = await connect(path);
  server.signal('SIGTERM');
  await server.until('the drain delay', () => /event=stopping/.test(server.stderr));
  assert.equal(await get(path, '/readyz'), 503, 'a proxy can still connect');
  const closed = new Promise((resolve) => socket.on('close', resolve));
  assert.equal(await within(closed, 'the Close'), 1001);
  await server.stop();
});

for (const [what, file, why] of [
  ['a file that is no socket', 'file', /something that is not a socket is in the way/],
  ['a directory that does not exist', 'no/eventhub.sock', /No such file or directory/],
]) {
  test(`exits with status 1 on ${what}`, async (t) => {
    const { directory, write } = temporaryFiles(t);
    write('file', 'keep');
    const { code, stderr } = await runToExit({ ...DEFAULTS, LISTEN_UNIX: join(directory, file) });
    assert.equal(code, 1);
    assert.match(stderr, why);
    assert.ok(statSync(join(directory, 'file')).isFile());
  });
}
