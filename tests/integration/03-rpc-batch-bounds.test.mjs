// A batch counts against the limits of its connection, as single requests do.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

// Each get may return 256k, so only a few of them fit at a time.
const SMALL = { MAX_OUTPUT_QUEUE: '1m', MAX_MESSAGE_SIZE: '256k' };

function request(id, method, params) {
  return { jsonrpc: '2.0', id, method, params };
}

function gets(key) {
  return Array.from({ length: 100 }, (_, i) => request(i, 'get', { key }));
}

async function exchangeBatch(client, batch) {
  const arrays = () => client.received.filter(Array.isArray);
  const before = arrays().length;
  client.sendText(JSON.stringify(batch));
  await client.until('an array', () => arrays().length > before);
  return arrays()[before];
}

/** Sends a batch and resolves when the server has received it. */
async function sendBatch(server, client, batch) {
  const received = async () => (await server.metrics()).websocket_messages_received_total;
  const before = await received();
  client.sendText(JSON.stringify(batch));
  await eventually('the batch is received', async () => (await received()) > before);
}

testOnBothBrokers('executes waiting requests of a batch in order', async (t, broker) => {
  const client = await openClient(t, await startServer(t, { ...broker, ...SMALL }));
  const batch = Array.from({ length: 50 }, (_, i) => [
    request(`set ${i}`, 'set', { key: 'k', value: `${i}` }), request(i, 'get', { key: 'k' }),
  ]).flat();
  const answers = await exchangeBatch(client, batch);
  assert.equal(answers.length, 100);
  for (let i = 0; i < 50; i++) {
    assert.equal(answers.find(({ id }) => id === i).result.value, `${i}`);
  }
  await client.roundTrip();
});

test('stops reading values for a batch that exceeds MAX_OUTPUT_QUEUE', async (t) => {
  const redis = await startRedis(t);
  const calls = async () =>
    Number(/cmdstat_get:calls=(\d+)/.exec(await redis.command('INFO', 'commandstats'))?.[1] ?? 0);
  const server = await startServer(t, { ...redis.options, ...SMALL });
  const client = await openClient(t, server);
  await client.call('set', { key: 'large', value: 'v'.repeat(200_000) });
  const before = await calls();
  client.sendText(JSON.stringify(gets('large')));
  await client.untilClosed();
  assert.equal(client.closed.code, 1013);
  assert.deepEqual(client.received.filter(Array.isArray), []);
  const asked = (await calls()) - before;
  assert.ok(asked >= 5 && asked < 20, `${asked} values were read for a queue of 5`);
  await (await openClient(t, server)).roundTrip();
});

test('survives connections that end while requests of a batch wait', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, ...SMALL, BROKER_TIMEOUT: '60', PING_INTERVAL: '1' };
  const server = await startServer(t, options);
  const patient = await openClient(t, server);
  const gone = await openClient(t, server);
  await patient.call('set', { key: 'k', value: 'v' });
  await redis.freeze();
  await sendBatch(server, gone, gets('k'));
  gone.socket.terminate(); // the server notices at its next ping
  await server.untilMetric('the connection is gone', (now) => now.current_connections_count === 2);
  redis.thaw();
  assert.equal((await exchangeBatch(patient, gets('k'))).length, 100);

  await redis.freeze();
  await sendBatch(server, patient, gets('k'));
  server.signal('SIGTERM');
  await patient.untilClosed();
  assert.equal(patient.closed.code, 1001);
});
