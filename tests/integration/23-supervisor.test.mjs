// Notifications to a service manager, reloading on SIGHUP, and --health-check.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { temporaryFiles } from './support/files.mjs';
import { freezeFor } from './support/freeze.mjs';
import { startWithInternal } from './support/internal.mjs';
import { openClient } from './support/rpc.mjs';
import { Process, runToExit, startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';
import { startTlsServer, tlsOptions } from './support/tls.mjs';
import { BINARY } from './support/wait.mjs';

const LISTENER = join(dirname(BINARY), 'tests/notify_log');
const THREAD_STOPPER = join(dirname(BINARY), 'tests/stop_thread');

/** A manager that listens; `heard` is what it has received so far. */
class Manager {
  constructor(t) {
    this.path = join(temporaryFiles(t).directory, 'notify');
    this.process = new Process({}, { binary: LISTENER, args: [this.path] });
    defer(t, async () => {
      this.process.signal('SIGTERM');
      await this.process.untilExit();
    });
  }

  static async start(t) {
    const manager = new Manager(t);
    await manager.untilHeard(/^listening$/m);
    return manager;
  }

  get heard() {
    return this.process.stdout;
  }

  untilHeard(pattern) {
    return this.process.until(`${pattern} of the manager`, () => pattern.test(this.heard));
  }

  untilFed(count) {
    return this.process.until(`${count} times WATCHDOG=1`, () => this.times('^WATCHDOG=1$') >= count);
  }

  times(pattern) {
    return this.heard.match(new RegExp(pattern, 'gm'))?.length ?? 0;
  }
}

test('notifies the manager when it is ready, of its status, and when it stops', async (t) => {
  const manager = await Manager.start(t);
  const server = await startServer(t, { NOTIFY_SOCKET: manager.path, SHUTDOWN_TIMEOUT: '7' });
  await manager.untilHeard(/^READY=1$/m);
  await manager.untilHeard(/^STATUS=Serving, \d+ clients, broker (connected|away)$/m);
  await server.stop();
  await manager.untilHeard(/^STOPPING=1 EXTEND_TIMEOUT_USEC=12000000$/m);
  assert.equal(manager.times('^WATCHDOG'), 0, 'the manager asked for no watchdog');
});

test('reports the number of clients in its status', async (t) => {
  const manager = await Manager.start(t);
  const server = await startServer(t, { NOTIFY_SOCKET: manager.path });
  await openClient(t, server);
  await manager.untilHeard(/^STATUS=Serving, 1 clients, broker connected$/m);
});

test('feeds the watchdog while it serves and while it drains', async (t) => {
  const manager = await Manager.start(t);
  const options = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '200000', SHUTDOWN_TIMEOUT: '20' };
  const server = await startServer(t, options);
  await manager.untilFed(3);
  const slow = await openSocket(t, server); // the drain waits for its body
  await slow.send(requestHead('POST /demo/x HTTP/1.1', { Host: 'x', 'Content-Length': 2 }) + 'x');
  await server.untilMetric('both connections', (now) => now.current_connections_count >= 2);
  server.signal('SIGTERM');
  await server.until('the drain', () => /event=draining/.test(server.stderr));
  await manager.untilFed(manager.times('^WATCHDOG') + 4); // without the acceptor, which has ended
  await slow.send('x');
  await server.stop();
});

/** Stops one thread of the server; resolves to a function that lets it continue. */
async function hang(t, server, name) {
  const stopper = new Process({}, { binary: THREAD_STOPPER, args: [String(server.pid), name] });
  async function goOn() {
    stopper.signal('SIGKILL');
    await stopper.untilExit();
  }
  defer(t, goOn);
  await stopper.until('a stopped thread', () => {
    if (stopper.exit) throw new Error(stopper.stderr);
    return stopper.stdout === 'stopped\n';
  });
  return goOn;
}

for (const name of ['worker-1', 'acceptor', 'broker']) {
  test(`does not feed the watchdog while ${name} hangs`, async (t) => {
    const manager = await Manager.start(t);
    const options = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '400000', WORKER_THREADS: '2' };
    const server = await startServer(t, options);
    await manager.untilFed(1);
    const goOn = await hang(t, server, name);
    // Threads may still answer earlier checks; after the first complaint none of them counts.
    const complaints = new RegExp(`event=loop_silent thread=${name}`, 'g');
    await server.until('a first complaint', () => server.stderr.match(complaints));
    const fed = manager.times('^WATCHDOG');
    await server.until('four more complaints', () => server.stderr.match(complaints).length >= 5);
    assert.equal(manager.times('^WATCHDOG'), fed);
    await goOn();
    await manager.untilFed(fed + 2);
  });
}

test('does not blame a thread for the time in which all were frozen', async (t) => {
  const manager = await Manager.start(t);
  const options = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '200000', WORKER_THREADS: '2' };
  const server = await startServer(t, options);
  for (let i = 0; i < 24; i++) {
    await manager.untilFed(manager.times('^WATCHDOG=1$') + 1);
    await delay(40 + i); // about when it asks again
    await freezeFor(server, 0.4);
  }
  await manager.untilFed(manager.times('^WATCHDOG=1$') + 2);
  assert.ok(!server.stderr.includes('loop_silent'), server.stderr);
});

test('does not feed the watchdog of another process', async (t) => {
  const manager = await Manager.start(t);
  const options = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '100000', WATCHDOG_PID: '1' };
  const server = await startServer(t, options);
  await openClient(t, server);
  await manager.untilHeard(/^STATUS=Serving, 1 clients/m);
  assert.equal(manager.times('^WATCHDOG'), 0);
});

test('starts without its manager', async (t) => {
  await startServer(t, { NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '100000' });
  const server = await startServer(t, { NOTIFY_SOCKET: 'nothing' });
  assert.match(server.stderr, /event=notify_refused/);
});

test('notifies the manager on SIGHUP, changes LOG_LEVEL, and names options that need a restart', async (t) => {
  const manager = await Manager.start(t);
  const file = join(temporaryFiles(t).directory, 'eventhub.conf');
  writeFileSync(file, 'LOG_LEVEL = info\nPING_INTERVAL = 30\nJWT_SECRET = one\n');
  const server = await startServer(t, { NOTIFY_SOCKET: manager.path }, {
    args: [`--config=${file}`],
  });
  writeFileSync(file, 'LOG_LEVEL = warn\nPING_INTERVAL = 31\nJWT_SECRET = two-two\n');
  server.child.kill('SIGHUP');
  await manager.untilHeard(/^RELOADING=1 MONOTONIC_USEC=\d+\n(STATUS.*\n)?READY=1$/m);
  const named = () =>
    [...server.stderr.matchAll(/event=restart_needed option=(\w+)/g)].map(([, name]) => name);
  await server.until('two options', () => named().length >= 2);
  assert.deepEqual(named().sort(), ['JWT_SECRET', 'PING_INTERVAL']);
  assert.ok(!server.stderr.includes('two-two'));
  await server.stop();
  assert.ok(!server.stderr.includes('event=stopping'), 'the level is warn');
});

test('changes nothing on SIGHUP with an invalid file', async (t) => {
  const manager = await Manager.start(t);
  const file = join(temporaryFiles(t).directory, 'eventhub.conf');
  writeFileSync(file, 'LOG_LEVEL = info\n');
  const server = await startServer(t, { NOTIFY_SOCKET: manager.path }, {
    args: [`--config=${file}`],
  });
  for (const content of ['LOG_LEVEL = off\nPING_INTERVAL = never\n', null]) {
    if (content) writeFileSync(file, content);
    else rmSync(file);
    const before = server.stderr.length;
    server.child.kill('SIGHUP');
    await server.until('options_refused', () =>
      /event=options_refused why=/.test(server.stderr.slice(before)));
  }
  await server.stop();
  assert.match(server.stderr, /event=stopping/);
});

// ---- --health-check ----

/** Runs a second process with the same options and the actual port of the server. */
function check(server, options = {}, action = '--health-check') {
  const env = { LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: String(server.port), ...options };
  return runToExit(env, { args: [action] });
}

test('reports with --health-check whether a server is alive and ready', async (t) => {
  const server = await startServer(t);
  for (const address of ['127.0.0.1', '', '0.0.0.0']) {
    const { code, stdout } = await check(server, { LISTEN_ADDRESS: address });
    assert.equal(stdout, '/healthz: HTTP/1.1 200 OK\n');
    assert.equal(code, 0);
  }
  const ready = await check(server, {}, '--health-check=ready');
  assert.deepEqual([ready.code, ready.stdout], [0, '/readyz: HTTP/1.1 200 OK\n']);
  await server.stop();
  const gone = await check(server);
  assert.equal(gone.code, 1);
  assert.match(gone.stdout, /^\/healthz: 127\.0\.0\.1 port \d+: Connection refused\n$/);
});

test('reports with --health-check that a server without Redis is alive but not ready', async (t) => {
  const server = await startServer(t, { BROKER: 'redis', REDIS_PORT: '1' }, { ready: false });
  assert.equal((await check(server)).code, 0);
  const { code, stdout } = await check(server, {}, '--health-check=ready');
  assert.equal(code, 1);
  assert.match(stdout, /^\/readyz: HTTP\/1\.1 503 /);
});

test('supports --health-check with TLS only, with and without a PROXY header', async (t) => {
  for (const PROXY_PROTOCOL of ['false', 'true']) {
    const options = { DISABLE_UNSECURE_LISTENER: 'true', PROXY_PROTOCOL };
    const server = await startTlsServer(t, options, { ready: false });
    const env = { ...tlsOptions(server.files), ...options,
      SSL_LISTEN_PORT: String(server.tlsPort) };
    assert.equal((await check(server, env)).code, 0, PROXY_PROTOCOL);
    if (PROXY_PROTOCOL === 'true') {
      assert.equal((await check(server, { ...env, PROXY_PROTOCOL: 'false' })).code, 1);
    }
  }
});

test('supports --health-check with PROXY_PROTOCOL', async (t) => {
  const server = await startServer(t, { PROXY_PROTOCOL: 'true' }, { ready: false });
  assert.equal((await check(server, { PROXY_PROTOCOL: 'true' })).code, 0);
  assert.equal((await check(server)).code, 1);
});

test('supports --health-check with METRICS_LISTEN_PORT', async (t) => {
  const { server, internal } = await startWithInternal(t, { PROXY_PROTOCOL: 'true' });
  const METRICS_LISTEN_PORT = String(internal.port);
  assert.equal((await check(server, { METRICS_LISTEN_PORT, PROXY_PROTOCOL: 'true' })).code, 0);
  assert.equal((await check(server, { METRICS_LISTEN_PORT, LISTEN_PORT: '1' })).code, 0);
  const { code, stdout } = await check(server, { PROXY_PROTOCOL: 'true' });
  assert.equal(code, 1, 'the public port does not serve it');
  assert.match(stdout, /^\/healthz: HTTP\/1\.1 404 /);
});

test('reports invalid options with --health-check', async () => {
  const { code, stderr } = await runToExit({ PING_INTERVAL: 'x' }, { args: ['--health-check'] });
  assert.equal(code, 1);
  assert.match(stderr, /^eventhub: PING_INTERVAL/);
  const any = await runToExit({ LISTEN_PORT: '0' }, { args: ['--health-check'] });
  assert.equal(any.code, 1);
  assert.match(any.stdout, /port 0: 0 is any port/);
});
