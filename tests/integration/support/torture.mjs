// A short life of a server in which one call fails (tests/torture): what it may do about it, and
// what it must not.

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
const DYING_MS = 2000; // at most, until the kernel has cleared away what aborted
const IDLE_MS = 150;
const IDLE_CPU_MS = SANITIZED ? 100 : 70;
const PLAN_FULL = process.env.TORTURE === 'all';

/** A client that is refused or cut off comes again; an answer that is not true is none. */
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

/** Listens to a stream, and posts what it must bring. */
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

/** Nobody is there, and no thread runs in circles. */
async function untilQuiet(server) {
  await eventually('all are gone', async () => {
    const now = await server.metrics().catch(() => null);
    return now?.current_connections_count === 1 && now.subscriptions === 0;
  });
  const before = server.cpuMs();
  await delay(IDLE_MS); // the one thing here that is about time
  const used = server.cpuMs() - before;
  assert.ok(used <= IDLE_CPU_MS, `${used} ms of processor time in ${IDLE_MS} ms of rest`);
}

/** All of a life from its start on; `descriptors`: as many as may be open when nobody is there. */
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

/** One life; `plan` is FAULT of tests/torture/plan.h. Resolves to the server when it has ended. */
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
    if (failure) await Promise.race([ended, delay(DYING_MS)]); // its end is the reason
    if (failure && !server.exit) throw failure;
    if (server.exit.code !== 0) assert.ok(isClean(server), JSON.stringify(server.exit));
    server.assertNoSanitizerReport();
  } catch (error) {
    error.message = `FAULT=${plan}: ${error.message}\n${server.stderr}`;
    throw error;
  }
  return server;
}

/** Which calls fail, one in each life: the first ones, and then fewer and fewer. */
function nextCall(n) {
  return PLAN_FULL || n < 3 ? n + 1 : 2 * n;
}

/** Lives until the call is not made any more; resolves to the number of lives in which it was. */
export async function failEach(t, name, error, scene) {
  for (let n = 1, lives = 0; ; n = nextCall(n), lives++) {
    const { stderr } = await live(t, `${name},${n},${error}`, scene);
    if (!/^fault: /m.test(stderr)) return lives;
  }
}

/** How many descriptors are open when nobody is there and nothing fails. */
export async function descriptorsAtRest(t, scene) {
  const { descriptors } = await live(t, 'nothing,1,0', { ...scene, descriptors: Infinity });
  return descriptors;
}
