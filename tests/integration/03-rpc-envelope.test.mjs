// JSON-RPC itself: ids, notifications, errors, and malformed JSON.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

const PHRASES = {
  '-32700': 'Parse error',
  '-32600': 'Invalid Request',
  '-32601': 'Method not found',
  '-32602': 'Invalid params',
};

function assertError(response, code, id) {
  assert.deepEqual(Object.keys(response).sort(), ['error', 'id', 'jsonrpc']);
  assert.equal(response.jsonrpc, '2.0');
  assert.deepEqual(response.id, id);
  assert.equal(response.error.code, code);
  assert.equal(response.error.message, PHRASES[code]);
  assert.equal(typeof response.error.data, 'string');
  assert.notEqual(response.error.data, '');
}

test('ids', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const pingAs = (id) => client.exchange(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);

  const echoed = [
    '0', '-1', '4294967296', '9007199254740993', '9223372036854775807', '-9223372036854775808',
    '9223372036854775808', '18446744073709551615',
    '""', '"a"', '"1"', '"null"', '"€ 🎈"', '"with \\"quotes\\" and \\\\"', '"a\\u0000b"',
    '"\\ud83c\\udf88"', `"${'x'.repeat(200)}"`,
  ];
  for (const id of echoed) {
    await t.test(`returns the id ${id.slice(0, 30)} unchanged`, async () => {
      const response = await pingAs(id);
      assert.ok(response.result.pong, JSON.stringify(response));
      if (id.startsWith('"')) assert.equal(response.id, JSON.parse(id));
      else assert.match(client.texts.at(-1), new RegExp(`"id":\\s*${id}[,}]`));
    });
  }

  for (const id of ['1.5', '-0.25', '1e3', '1.7976931348623157e308', '5e-324']) {
    await t.test(`returns the id ${id} as an equal number`, async () => {
      const response = await pingAs(id);
      assert.equal(response.id, Number(id));
    });
  }

  for (const id of ['null', 'true', '[]', '{}', '[1]']) {
    await t.test(`refuses the id ${id}`, async () => assertError(await pingAs(id), -32600, null));
  }

  for (const id of ['-9223372036854775809', '18446744073709551616']) {
    await t.test(`refuses the integer ${id}, which exceeds 64 bits`, async () =>
      assertError(await pingAs(id), -32600, null));
  }

  await t.test('accepts two requests with the same id', async () => {
    const request = '{"jsonrpc":"2.0","id":"same","method":"ping"}';
    assert.equal((await client.exchange(request)).id, 'same');
    assert.equal((await client.exchange(request)).id, 'same');
  });
});

test('valid and invalid requests', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);

  const broken = [
    ['an empty message', ''],
    ['white space', ' \n'],
    ['a word', 'hello'],
    ['half an object', '{"jsonrpc":"2.0","id":1,"method":"ping"'],
    ['something after the end', '{"jsonrpc":"2.0","id":1,"method":"ping"}}'],
    ['two objects', '{"jsonrpc":"2.0","id":1,"method":"ping"}{}'],
    ['a trailing comma', '{"jsonrpc":"2.0","id":1,"method":"ping",}'],
    ['single quotes', "{'jsonrpc':'2.0','id':1,'method':'ping'}"],
    ['a comment', '{"jsonrpc":"2.0","id":1,"method":"ping"/**/}'],
    ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}'],
    ['a leading zero', '{"jsonrpc":"2.0","id":01,"method":"ping"}'],
    ['a control character in a string', '{"jsonrpc":"2.0","id":1,"method":"pi\nng"}'],
    ['half a surrogate pair', '{"jsonrpc":"2.0","id":"\\ud83c","method":"ping"}'],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'],
    ['a key twice in params', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}', 1],
    ['100,000 open brackets', '['.repeat(100_000)],
    ['100,000 nested objects', '{"a":'.repeat(100_000)],
    ['100,000 nested arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['100,000 arrays in params', `{"jsonrpc":"2.0","id":1,"method":"ping","params":${
      '['.repeat(100_000)}${']'.repeat(100_000)}}`, 1],
  ];
  for (const [name, text, id = null] of broken) {
    await t.test(`answers -32700 to ${name}`, async () => {
      assertError(await client.exchange(text), -32700, id);
    });
  }

  const notRequests = [
    ['a number', '1', null],
    ['a string', '"ping"', null],
    ['null', 'null', null],
    ['an empty object', '{}', null],
    ['an empty array', '[]', null],
    ['no method', '{"jsonrpc":"2.0","id":1}', 1],
    ['a method that is not a string', '{"jsonrpc":"2.0","id":2,"method":3}', 2],
    ['no version', '{"id":3,"method":"ping"}', 3],
    ['another version', '{"jsonrpc":"1.0","id":4,"method":"ping"}', 4],
    ['a version that is a number', '{"jsonrpc":2.0,"id":5,"method":"ping"}', 5],
    ['params that are a string', '{"jsonrpc":"2.0","id":"6","method":"ping","params":"x"}', '6'],
    ['params that are a number', '{"jsonrpc":"2.0","id":7,"method":"ping","params":1}', 7],
    ['subscribe without an id',
      '{"jsonrpc":"2.0","method":"subscribe","params":{"topic":"a"}}', null],
  ];
  for (const [name, text, id] of notRequests) {
    await t.test(`answers -32600 to ${name}`, async () => {
      assertError(await client.exchange(text), -32600, id);
    });
  }

  const unknown = [
    '', 'pong', 'publish ', 'subscribe\\u0000', 'rpc.discover',
  ];
  for (const method of unknown) {
    await t.test(`answers -32601 to the method "${method}"`, async () => {
      const text = `{"jsonrpc":"2.0","id":"m","method":"${method}"}`;
      assertError(await client.exchange(text), -32601, 'm');
    });
  }

  for (const method of ['ping', 'PING', 'Ping']) {
    await t.test(`takes ${method} as ping`, async () => {
      const before = Date.now();
      const response = await client.exchange(`{"jsonrpc":"2.0","id":1,"method":"${method}"}`);
      assert.ok(Math.abs(response.result.pong - before) < 60_000, 'ms since the epoch');
    });
  }

  await t.test('ignores other members of a request', async () => {
    const request = '{"x":[1],"jsonrpc":"2.0","id":1,"method":"ping","y":null}';
    const response = await client.exchange(request);
    assert.ok(response.result.pong);
  });

  await t.test('keeps the connection usable', () => client.roundTrip());
});

test('executes notifications and never answers them', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('note');
  const before = client.received.length;

  client.notify('publish', { topic: 'note', message: 'executed' });
  client.notify('publish', { topic: 'note/+', message: 'wrong' });
  client.notify('nonsense');
  client.notify('ping');
  client.notify('list');
  client.notify('eventlog', { topic: 'note' });
  client.notify('unsubscribe', ['not/there']);
  await subscription.untilText('executed');
  await client.roundTrip();
  const others = client.received.slice(before).filter(({ result }) => !result?.message);
  assert.deepEqual(others.map(({ result }) => Object.keys(result)), [['pong']]);

  client.notify('UnsubscribeAll');
  assert.deepEqual(await client.call('list'), []);
});

test('answers a thousand requests that come at once', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const pongs = Array.from({ length: 1000 }, () => client.call('ping'));
  assert.equal((await Promise.all(pongs)).filter(({ pong }) => pong > 0).length, 1000);
});
