// The same test on both brokers: what users see must not depend on which one it is.

import { test } from 'node:test';

import { startRedis } from './redis.mjs';

/** body(t, options): options are what a server needs in order to use the broker. */
export function testOnBothBrokers(name, body) {
  test(`${name} [memory]`, (t) => body(t, { BROKER: 'memory' }));
  test(`${name} [redis]`, async (t) => body(t, (await startRedis(t)).options));
}
