// Allocations that fail, one in each life of a server: our own end it with one line (also those of
// jansson and zlib, which are given our functions), and so may those of other libraries, or the
// request that they were for is refused; never is it a crash or a lie.
//   TORTURE=all: every allocation, not only some.

import assert from 'node:assert/strict';

import { testOnBothBrokers } from './support/brokers.mjs';
import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { descriptorsAtRest, failEach } from './support/torture.mjs';
import { secondsFromNow, SECRET, signToken } from './support/jwt.mjs';
import { tlsOptions } from './support/tls.mjs';
import { SANITIZED } from './support/wait.mjs';

const CANNOT_ALLOCATE = 12;
const LIBRARIES = { memory: ['server', 'libcrypto', 'libssl'], redis: ['server', 'libhiredis'] };
const ALL = ['#'];
const skip = SANITIZED && 'the sanitizer has an allocator of its own';

/** Refused to start, or said in its last line that there is no memory. */
function endedInOrder({ exit: { code, signal }, stderr }) {
  if (code === 1) return /^eventhub: .+|(error|critical) event=/m.test(stderr);
  return signal === 'SIGABRT' && /^eventhub: out of memory \(.+\)$/m.test(stderr);
}

/** Everything that the libraries are for: TLS, tokens, compression. */
async function makeScene(t, broker) {
  const authority = await makeAuthority(t);
  const pair = await authority.issue(LOOPBACK);
  const token = signToken({ read: ALL, write: ALL, exp: secondsFromNow(86_400) });
  const headers = { Authorization: `Bearer ${token}` };
  const options = {
    ...broker, ...tlsOptions(pair), DISABLE_AUTH: 'false', JWT_SECRET: SECRET,
    ENABLE_COMPRESSION: 'true', COMPRESSION_MIN_SIZE: '1', BROKER_TIMEOUT: '1', WORKER_THREADS: '1', SHUTDOWN_TIMEOUT: '2',
  };
  const how = { ca: authority.pem, headers, deflate: {} };
  return { library: 'memory', options, how, headers, isClean: endedInOrder };
}

testOnBothBrokers('allocations fail', async (t, broker) => {
  if (skip) return t.skip(skip);
  const scene = await makeScene(t, broker);
  scene.descriptors = await descriptorsAtRest(t, scene);
  for (const name of LIBRARIES[broker.BROKER]) {
    await t.test(name, async (t) => {
      const lives = await failEach(t, name, CANNOT_ALLOCATE, scene);
      assert.ok(lives > 0, 'it allocates');
      t.diagnostic(`${name} failed in ${lives} lives`);
    });
  }
});
