// Runs a test on both brokers: what users see must not depend on the broker.

import { test } from 'node:test';

import { startRedis } from './redis.mjs';

/** body(t, options): `options` make a server use the broker. */
export function testOnBothBrokers(name, body) {
  test(`${name} [memory]`, (t) => body(t, { BROKER: 'memory' }));
  test(`${name} [redis]`, async (t) => body(t, (await startRedis(t)).options));
}
