// Short runs of a server in which one call fails (tests/torture), and checks of what the server may do
// about it.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { defer } from './cleanup.mjs';
import { httpPost } from './http.mjs';
import { RpcClient } from './rpc.mjs';
import { DEFAULTS, Server } from './server.mjs';
import { openStream } from './sse.mjs';
import { BINARY, eventually, SANITIZED } from './wait.mjs';

const TRIES = 4;
const DYING_MS = 2000; // at most, until the kernel has removed an aborted process
const IDLE_MS = 150;
const IDLE_CPU_MS = SANITIZED ? 100 : 70;
const PLAN_FULL = process.env.TORTURE === 'all';

/** Retries `fn` when a client is refused or cut off; a wrong answer fails the test at once. */
async function persistently(what, fn) {
  const errors = [];
  for (let i = 0; i < TRIES; i++) {
    try {
      return await fn(i);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      errors.push(error.message);
    }
  }
  return assert.fail(`${what}: ${errors.join('; ')}`);
}

/** Subscribes, publishes, receives, reads the log and leaves. */
async function converse(client, text) {
  await client.untilOpen();
  const topic = 'fault/socket';
  const subscription = await client.subscribe('fault/#');
  const id = await client.publish(topic, text);
  await subscription.untilText(text);
  const log = await client.call('eventlog', { topic, since: -60_000 });
  assert.deepEqual(log.items.filter((item) => item.id === id), [{ id, topic, message: text }]);
  await client.call('set', { key: 'fault/key', value: text });
  assert.equal((await client.call('get', { key: 'fault/key' })).value, text);
  await client.call('presence', { topic });
  client.notify('disconnect');
  await client.untilClosed();
}

async function speak(t, server, how, text) {
  const client = new RpcClient(t, server, how);
  await converse(client, text).finally(() => client.socket.terminate());
}

/** Opens a stream, and posts a message that must arrive there. */
async function listen(t, server, headers, text) {
  const stream = await openStream(t, server, '/fault%2Fstream', headers);
  try {
    const { status, body } = await httpPost(server, '/fault%2Fstream', text, headers);
    if (status !== 200) throw new Error(`${status} ${body}`);
    await stream.untilText(text);
  } finally {
    stream.leave();
  }
}

function openDescriptors({ pid }) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Waits until no client is connected, and asserts that no thread spins. */
async function untilQuiet(server) {
  await eventually('all clients are gone', async () => {
    const now = await server.metrics().catch(() => null);
    return now?.current_connections_count === 1 && now.subscriptions === 0;
  });
  const startedAt = performance.now();
  const before = server.cpuMs();
  await delay(IDLE_MS); // the only check here that depends on time
  const used = server.cpuMs() - before;
  const rest = performance.now() - startedAt; // longer on a busy machine
  assert.ok(used <= (IDLE_CPU_MS * rest) / IDLE_MS, `${used} ms of CPU time in ${rest} ms of rest`);
}

/** Runs a whole scene; `descriptors`: how many may be open when no client is connected. */
async function serve(t, server, { how, headers = {}, descriptors }) {
  await server.untilStarted();
  await server.untilReadiness(200);
  await persistently('a client', (i) => speak(t, server, how, `m ${i}`));
  await persistently('a stream', (i) => listen(t, server, headers, `s ${i}`));
  await untilQuiet(server);
  await eventually(`${descriptors} descriptors`, () => openDescriptors(server) <= descriptors);
  server.descriptors = openDescriptors(server);
  server.signal('SIGTERM');
  await server.untilExit();
  assert.deepEqual(server.exit, { code: 0, signal: null });
}

/** Runs a server once; `plan` is FAULT of tests/torture/plan.h. Resolves to the server after its end. */
async function live(t, plan, { library, options, isClean, ...scene }) {
  const server = new Server({
    ...DEFAULTS, ...options, FAULT: plan,
    LD_PRELOAD: join(dirname(BINARY), 'torture', `${library}.so`),
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
  });
  defer(t, () => server.child.kill('SIGKILL'));
  const ended = new Promise((resolve) => server.child.on('close', () => resolve(null)));
  const served = serve(t, server, scene);
  try {
    const failure = await Promise.race([served.then(() => null, (error) => error), ended]);
    if (failure) await Promise.race([ended, delay(DYING_MS)]); // the end explains the failure
    if (failure && !server.exit) throw failure;
    if (server.exit.code !== 0) assert.ok(isClean(server), JSON.stringify(server.exit));
    server.assertNoSanitizerReport();
  } catch (error) {
    error.message = `FAULT=${plan}: ${error.message}\n${server.stderr}`;
    throw error;
  }
  return server;
}

/** The number of the call that fails in the next run: all of the first ones, then fewer and fewer. */
function nextCall(n) {
  return PLAN_FULL || n < 3 ? n + 1 : 2 * n;
}

/** Repeats runs until the server does not make the call that often; resolves to the number of runs. */
export async function failEach(t, name, error, scene) {
  for (let n = 1, lives = 0; ; n = nextCall(n), lives++) {
    const { stderr } = await live(t, `${name},${n},${error}`, scene);
    if (!/^fault: /m.test(stderr)) return lives;
  }
}

/** How many descriptors are open when no client is connected and nothing fails. */
export async function descriptorsAtRest(t, scene) {
  const { descriptors } = await live(t, 'nothing,1,0', { ...scene, descriptors: Infinity });
  return descriptors;
}
