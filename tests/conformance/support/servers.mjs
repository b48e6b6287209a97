// The servers under test. They do nothing on their own: no ping comes between answers, and no client
// seems slow on a busy machine.

import { dirname, join } from 'node:path';

import { startServer } from '../../integration/support/server.mjs';
import { BINARY } from '../../integration/support/wait.mjs';

const ECHO = join(dirname(BINARY), 'tests/conformance/ws_echo');
const STILL = { PING_INTERVAL: '3600', WEBSOCKET_HANDSHAKE_TIMEOUT: '300' };
const ONE_WORKER = { WORKER_THREADS: '1' }; // the barrier of tests/integration needs it

export function startStill(t, options = {}) {
  return startServer(t, { ...STILL, ...ONE_WORKER, ...options });
}

/** ws_echo: the same with an echo in place of JSON-RPC. */
export function startEcho(t, options = {}) {
  const sizes = { MAX_MESSAGE_SIZE: '64m', MAX_OUTPUT_QUEUE: '512m' };
  return startServer(t, { ...STILL, ...ONE_WORKER, ...sizes, ...options }, { binary: ECHO });
}
