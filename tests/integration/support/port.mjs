// Free ports for programs that cannot choose one themselves.
//
// A port that is free now may be taken a moment later: by another test, or by the kernel as the local
// port of a connection. So these ports lie below those that the kernel chooses, and each test process
// claims its ports: it listens on an abstract socket with the number in its name, which the kernel
// removes when the process ends, however it ends.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST = 10000;
const [KERNELS_FIRST] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/);
const LAST = Math.max(Number(KERNELS_FIRST) - 1, FIRST + 10000);
const TRIES = 100;

/** Listens there; resolves to the server, or to null if that is taken. */
function listen(...where) {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(...where, () => resolve(server));
  });
}

async function isFree(port) {
  const server = await listen(port, '127.0.0.1');
  await new Promise((resolve) => (server ? server.close(resolve) : resolve()));
  return server !== null;
}

/** Resolves to a port of 127.0.0.1 that is free and stays claimed until this process ends. */
export async function freePort() {
  for (let i = 0; i < TRIES; i++) {
    const port = randomInt(FIRST, LAST + 1);
    const claim = await listen(`\0eventhub-test-port-${port}`);
    claim?.unref();
    if (claim && await isFree(port)) return port;
    claim?.close();
  }
  throw new Error(`no free port in ${TRIES} tries`);
}
