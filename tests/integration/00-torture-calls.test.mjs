// Fails system calls, one in each run of a server. The server then keeps serving, refuses only the
// client that the call was for, or exits at its start and says why.
//   TORTURE=all: fails every call, not only some.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

import { testOnBothBrokers } from './support/brokers.mjs';
import { descriptorsAtRest, failEach } from './support/torture.mjs';
import { BINARY } from './support/wait.mjs';

const { errno } = constants;
const SHORT = 0;
const IS_TSAN = readFileSync(BINARY).includes('__tsan_init');

/** How each call may fail. */
const CALLS = {
  accept4: [errno.EMFILE, errno.ECONNABORTED, errno.ENOMEM, errno.EINTR],
  bind: [errno.EADDRINUSE],
  epoll_create1: [errno.EMFILE],
  epoll_ctl: [errno.ENOSPC],
  epoll_wait: [errno.EINTR],
  eventfd: [errno.EMFILE],
  eventfd_read: [errno.EAGAIN],
  fopen: [errno.EMFILE],
  getrandom: [errno.EINTR],
  listen: [errno.EADDRINUSE],
  pthread_create: [errno.EAGAIN],
  read: [errno.EINTR],
  recv: [errno.ECONNRESET, errno.EAGAIN, errno.EINTR, SHORT],
  sendmsg: [errno.EPIPE, errno.EAGAIN, errno.ENOBUFS, errno.EINTR, SHORT],
  setsockopt: [errno.ENOBUFS],
  signalfd: [errno.EMFILE],
  socket: [errno.EMFILE],
};
const REDIS_CALLS = { connect: [errno.ECONNREFUSED, errno.EADDRNOTAVAIL] };

/** Whether the server exited before it served, with status 1 and a line that says why. */
function refusedToStart({ exit, stderr }) {
  const says = /^eventhub: .+|(error|critical) event=/m.test(stderr);
  return exit.code === 1 && says && !/event=started/.test(stderr);
}

async function failAll(t, calls, options) {
  const scene = { library: 'calls', options, isClean: refusedToStart };
  scene.descriptors = await descriptorsAtRest(t, scene);
  for (const [name, errors] of Object.entries(calls)) {
    await t.test(`survives ${name} failing`, async (t) => {
      let lives = 0;
      for (const error of errors) lives += await failEach(t, name, error, scene);
      assert.ok(lives >= errors.length, 'the server calls it');
      t.diagnostic(`${name} failed in ${lives} runs`);
    });
  }
}

const skip = IS_TSAN && 'the library would be loaded before the sanitizer';

testOnBothBrokers('failing system calls', async (t, broker) => {
  if (skip) return t.skip(skip);
  const calls = broker.BROKER === 'redis' ? { ...CALLS, ...REDIS_CALLS } : CALLS;
  const options = { BROKER_TIMEOUT: '1', WORKER_THREADS: '2', SHUTDOWN_TIMEOUT: '2' };
  return failAll(t, calls, { ...broker, ...options });
});
