// System calls that fail, one in each life of a server: it serves on, or refuses the one client
// whom it hit, or says at its start why there is none.
//   TORTURE=all: every call, not only some.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

import { testOnBothBrokers } from './support/brokers.mjs';
import { descriptorsAtRest, failEach } from './support/torture.mjs';
import { BINARY } from './support/wait.mjs';

const { errno } = constants;
const SHORT = 0;
const IS_TSAN = readFileSync(BINARY).includes('__tsan_init');

/** How each may fail. */
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

/** Ended before it served: with status 1 and a line that says why. */
function refusedToStart({ exit, stderr }) {
  const says = /^eventhub: .+|(error|critical) event=/m.test(stderr);
  return exit.code === 1 && says && !/event=started/.test(stderr);
}

async function failAll(t, calls, options) {
  const scene = { library: 'calls', options, isClean: refusedToStart };
  scene.descriptors = await descriptorsAtRest(t, scene);
  for (const [name, errors] of Object.entries(calls)) {
    await t.test(name, async (t) => {
      let lives = 0;
      for (const error of errors) lives += await failEach(t, name, error, scene);
      assert.ok(lives >= errors.length, 'it is called');
      t.diagnostic(`${name} failed in ${lives} lives`);
    });
  }
}

const skip = IS_TSAN && 'a library before that of the sanitizer';

testOnBothBrokers('system calls fail', async (t, broker) => {
  if (skip) return t.skip(skip);
  const calls = broker.BROKER === 'redis' ? { ...CALLS, ...REDIS_CALLS } : CALLS;
  const options = { BROKER_TIMEOUT: '1', WORKER_THREADS: '2', SHUTDOWN_TIMEOUT: '2' };
  return failAll(t, calls, { ...broker, ...options });
});
