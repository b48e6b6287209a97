// Every answer finds its request: errors carry the id even when the JSON library refuses the text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Eventhub } from 'eventhub-jsclient';

import { testOnBothBrokers } from './support/brokers.mjs';
import { defer } from './support/cleanup.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, within } from './support/wait.mjs';

const DEEP = '['.repeat(5000) + ']'.repeat(5000);
const HUGE = '1e999';
const BEYOND_64_BITS = '18446744073709551616';

/** A request whose members are JSON text, in this order. */
function text(id, method, params, more = '') {
  const members = [
    '"jsonrpc":"2.0"', ...(more ? [more] : []), `"method":"${method}"`,
    ...(params ? [`"params":${params}`] : []), ...(id === undefined ? [] : [`"id":${id}`]),
  ];
  return `{${members.join(',')}}`;
}

function publish(id, more) {
  return text(id, 'publish', `{"topic":"a","message":"x",${more}}`);
}

/** Requests that the server refuses: their name, the text for an id, the code, and error.data. */
const REFUSED = [
  ['a number beyond a double in a member', (id) => text(id, 'ping', null, `"x":${HUGE}`),
    -32600, /number is out of range/],
  ['an integer beyond 64 bits in a member', (id) => text(id, 'ping', null, `"x":${BEYOND_64_BITS}`),
    -32600, /number is out of range/],
  ['an integer below 64 bits in an object', (id) => text(id, 'ping', null, '"x":{"y":[-9223372036854775809]}'),
    -32600, /number is out of range/],
  ['a ttl beyond a double', (id) => publish(id, `"ttl":${HUGE}`), -32602, /number in ttl is out of range/],
  ['a ttl beyond 64 bits', (id) => publish(id, `"ttl":${BEYOND_64_BITS}`), -32602, /number in ttl is out of range/],
  ['a ttl above a year', (id) => publish(id, '"ttl":31536001'), -32602, /^ttl must be an integer/],
  ['a ttl below 0', (id) => publish(id, '"ttl":-1.0'), -32602, /^ttl must be an integer/],
  ['a timestamp beyond a double', (id) => publish(id, `"timestamp":-${HUGE}`), -32602, /number in timestamp is out of range/],
  ['a timestamp beyond 64 bits', (id) => publish(id, '"timestamp":9223372036854775808'),
    -32602, /number in timestamp is out of range/],
  ['a timestamp of 1e300', (id) => publish(id, '"timestamp":1e300'), -32602, /^timestamp must be/],
  ['a number out of range inside a parameter',
    (id) => text(id, 'ping', `{"deep":{"list":[${HUGE}]}}`), -32602, /number in deep is/],
  ['a number out of range in a list of params', (id) => text(id, 'unsubscribe', `[${HUGE}]`),
    -32602, /out of range/],
  ['a name twice', (id) => text(id, 'ping', null, '"x":1,"x":2'), -32700, /same name/],
  ['a name twice in params', (id) => publish(id, '"ttl":1,"\\u0074tl":2'), -32700, /same name/],
  ['two methods', (id) => text(id, 'ping', null, '"method":"list"'), -32700, /same name/],
  ['a name with U+0000', (id) => text(id, 'ping', null, '"a\\u0000b":1'), -32600, /U\+0000/],
  ['a name with U+0000 in params', (id) => text(id, 'ping', '{"\\u0000":1}'), -32600, /U\+0000/],
  ['nesting beyond the limit', (id) => text(id, 'ping', DEEP), -32700, /nested too deeply/],
  ['nested objects beyond the limit',
    (id) => text(id, 'ping', null, `"x":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`),
    -32700, /nested too deeply/],
  ['half an emoji in a topic',
    (id) => text(id, 'publish', '{"topic":"a\\ud83d","message":"x"}'), -32602, /^topic .*surrogate/],
  ['half an emoji in a publish key', (id) => publish(id, '"key":"\\udE00"'), -32602, /^key .*surrogate/],
  ['half an emoji in a name', (id) => text(id, 'ping', null, '"\\ud83d":1'), -32700, /surrogate/],
  ['half an emoji in a method', (id) => text(id, 'pi\\ud83dng'), -32700, /surrogate/],
];

/** The ids of requests, as JSON, and how the server writes them. */
const IDS = ['7', '"seven"', '18446744073709551615', '-1', '1.5', '"\\u00e9\\u0000"'];

function idOf(answerText) {
  return /"id":("(?:[^"\\]|\\.)*"|[^,}]+)/.exec(answerText)[1];
}

function assertRefused(answer, code, data) {
  assert.equal(answer.error?.code, code, JSON.stringify(answer));
  assert.match(answer.error.data, data);
}

test('refused requests', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);

  for (const [name, textFor, code, data] of REFUSED) {
    await t.test(`answers ${code} under the id to ${name}`, async () => {
      for (const id of IDS) {
        const answer = await client.exchange(textFor(id));
        assertRefused(answer, code, data);
        const written = idOf(client.texts.at(-1));
        if (id.startsWith('"')) assert.equal(JSON.parse(written), JSON.parse(id));
        else assert.equal(written, id);
      }
    });

    await t.test(`answers ${code} in a batch, and executes the other requests, to ${name}`, async () => {
      const batch = [text(1, 'ping'), textFor('"bad"'), text(3, 'list'), textFor('18446744073709551615')];
      const answers = await client.exchange(` [${batch.join(' , ')}] `);
      assert.equal(answers.length, 4, JSON.stringify(answers));
      assert.ok(answers[0].result.pong);
      assertRefused(answers[1], code, data);
      assert.equal(answers[1].id, 'bad');
      assert.deepEqual(answers[2].result, []);
      assertRefused(answers[3], code, data);
      assert.match(client.texts.at(-1), /"id":18446744073709551615,/);
    });
  }

  await t.test('answers with the id null where the id itself cannot be read', async () => {
    const unreadable = [
      [text('"\\ud83d"', 'ping'), -32700], [text('1,"id":2', 'ping'), -32700],
      [text('1,"\\u0069d":1', 'ping'), -32700], [text(HUGE, 'ping'), -32600],
      [text(BEYOND_64_BITS, 'ping'), -32600], [text('-9223372036854775809', 'ping'), -32600],
      [text('[1]', 'ping', `{"x":${HUGE}}`), -32600], [text('null', 'ping', `{"x":${HUGE}}`), -32600],
      [text(undefined, 'ping', null, '"x":1,"x":2'), -32700],
    ];
    for (const [each, code] of unreadable) {
      const answer = await client.exchange(each);
      assertRefused(answer, code, /./);
      assert.equal(answer.id, null, each);
    }
    const answers = await client.exchange(`[${unreadable.map(([each]) => each).join()}]`);
    assert.deepEqual(answers.map(({ id, error }) => [id, error.code]),
      unreadable.map(([, code]) => [null, code]));
  });

  await t.test('does not answer a notification whose parameter is out of range', async () => {
    const before = client.received.length;
    client.sendText(text(undefined, 'publish', `{"topic":"a","message":"x","ttl":${HUGE}}`));
    await client.roundTrip();
    assert.equal(client.received.length, before + 1);
  });

  await t.test('answers text in which no request can be found with one error', async () => {
    for (const each of [`[${text(1, 'ping')},${text(2, 'ping')}`, `[${text(1, 'ping')},{"x":"\\ud83d"]`]) {
      const answer = await client.exchange(each);
      assertRefused(answer, -32700, /not valid JSON/);
      assert.equal(answer.id, null);
    }
    for (const each of [HUGE, `[1,${HUGE}]`, `[[${text(1, 'ping')}],${HUGE}]`]) {
      const answer = await client.exchange(each);
      assertRefused(answer, -32600, /out of range/);
      assert.equal(answer.id, null);
    }
    const bad = text(1, 'ping', null, `"x":${HUGE}`);
    const many = await client.exchange(`[${Array(101).fill(bad).join()}]`);
    assertRefused(many, -32600, /more than 100/);
  });

  await t.test('publishes nothing of a refused request', async () => {
    const { items } = await client.call('eventlog', { topic: '#', since: -60_000 });
    assert.deepEqual(items, [], 'no refused publish was stored');
  });
});

test('answers under ids of unsigned 64 bits, digit for digit', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  for (const id of ['9223372036854775808', '10000000000000000001', '18446744073709551615']) {
    const pong = await client.exchange(text(id, 'ping'));
    assert.ok(pong.result.pong);
    assert.equal(idOf(client.texts.at(-1)), id);
    await client.exchange(text(id, 'subscribe', '{"topic":"wide"}'));
    assert.equal(idOf(client.texts.at(-1)), id);
    const texts = client.texts.length;
    await client.publish('wide', 'x');
    await client.until('the message', () =>
      client.texts.slice(texts).some((each) => each.includes('"message"') && idOf(each) === id));
    await client.exchange(`[${text(id, 'ping')}]`);
    assert.equal(idOf(client.texts.at(-1)), id);
  }
});

test('skips a byte order mark before the JSON', async (t) => {
  const client = await openClient(t, await startServer(t));
  assert.ok((await client.exchange(`\ufeff${text(1, 'ping')}`)).result.pong);
  assert.ok((await client.exchange(`\ufeff [${text(1, 'ping')}]`))[0].result.pong);
  assertRefused(await client.exchange(`\ufeff\ufeff${text(1, 'ping')}`), -32700, /not valid JSON/);
  assertRefused(await client.exchange(`${text(1, 'ping')}\ufeff`), -32700, /not valid JSON/);
});

testOnBothBrokers('half an emoji in a message or value is U+FFFD', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('half');
  const cases = [
    ['hi \ud83d', 'hi \ufffd'], ['\ude00 hi', '\ufffd hi'], ['\ude00\ud83d', '\ufffd\ufffd'],
    ['\ud83d\ud83d\ude00', '\ufffd\u{1f600}'], ['\\ud83d \ud83d"\n\0', '\\ud83d \ufffd"\n\0'],
  ];
  for (const [sent, want] of cases) {
    await client.publish('half', sent);
    await client.call('set', { key: 'half', value: sent });
    assert.equal((await client.call('get', { key: 'half' })).value, want);
  }
  await subscription.untilCount(cases.length);
  assert.deepEqual(subscription.texts, cases.map(([, want]) => want));
  const { items } = await client.call('eventlog', { topic: 'half', since: -60_000 });
  assert.deepEqual(items.map(({ message }) => message), cases.map(([, want]) => want));
});

test('the promises of eventhub-jsclient settle', async (t) => {
  const server = await startServer(t);
  const options = { reconnectInterval: 50, disablePingCheck: true };
  const hub = new Eventhub(`ws://127.0.0.1:${server.port}`, undefined, options);
  await hub.connect();
  defer(t, () => hub.disconnect());
  const received = [];
  await hub.subscribe('js/#', ({ message }) => received.push(message));

  assert.equal((await within(hub.publish('js/1', 'hi \ud83d'), 'an answer')).status, 'ok');
  await within(hub.set('js/1', '\ude00'), 'an answer');
  assert.equal((await hub.get('js/1')).value, '\ufffd');
  await within(hub.publish('js/1', 'y', { timestamp: Date.now() + 0.5 }), 'an answer');
  await eventually('both messages arrive', () => received.length === 2);
  assert.deepEqual(received, ['hi \ufffd', 'y']);

  const refused = [
    hub.publish('js/\ud83d', 'x'), hub.publish('js/1', 'x', { ttl: 1e300 }),
    hub.publish('js/1', 'x', { ttl: 2 ** 64 }), hub.publish('js/1', 'x', { timestamp: 2 ** 64 }),
    hub.get('\ud83d'), hub.subscribe('js/\ud83d', () => {}),
  ];
  for (const promise of refused) {
    await assert.rejects(within(promise, 'an answer'), ({ code }) => code === -32602);
  }
});
