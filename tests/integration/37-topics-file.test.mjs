// TOPICS_FILE: settings of topics by pattern, on both brokers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { temporaryFiles } from './support/files.mjs';
import { httpPost, httpRequest } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';
import { eventually } from './support/wait.mjs';

const TOO_LONG = 'message must be at most 10 bytes long in this topic';
const TOKEN = signToken({ sub: 'me', read: ['#'], write: ['#'], admin: ['publish'] });
const headers = { Authorization: `Bearer ${TOKEN}` };

testOnBothBrokers('settings of topics', async (t, broker) => {
  const { write } = temporaryFiles(t);
  const TOPICS_FILE = write('topics', [
    '# pattern max_length ttl max_message_size',
    'short/#   3          -   10',
    'short/big -          -   64k',
    'brief/+   -          1   -', '',
  ].join('\n'));
  const server = await startServer(t, {
    DISABLE_AUTH: 'false', JWT_SECRET: SECRET, ENABLE_API: 'true', TOPICS_FILE, ...broker,
  });
  const client = await openClient(t, server, { headers });
  const messagesOf = async (topic) =>
    (await client.call('eventlog', { topic, since: -60_000 })).items.map(({ message }) => message);

  await t.test('bound the log of a topic', async () => {
    for (const topic of ['short/a', 'short/big', 'other']) {
      await client.publishAll(topic, numbered('m', 5), { window: 1 });
    }
    assert.deepEqual(await messagesOf('short/a'), numbered('m', 3, 2));
    assert.deepEqual(await messagesOf('short/big'), numbered('m', 5), 'the narrowest counts alone');
    assert.deepEqual(await messagesOf('other'), numbered('m', 5));
  });

  await t.test('are the ttl of messages without one', async () => {
    await client.publish('brief/a', 'goes');
    await client.call('publish', { topic: 'brief/a', message: 'stays', ttl: 60 });
    await eventually('the end of the first', async () =>
      (await messagesOf('brief/a')).join() === 'stays');
  });

  await t.test('bound the size of a message, and the connection stays', async () => {
    const { code, data } = await errorOf(client.publish('short/a', 'x'.repeat(11)));
    assert.deepEqual([code, data], [-32602, TOO_LONG]);
    await client.publish('short/a', 'ä'.repeat(5));
    assert.equal((await errorOf(client.publish('short/a', 'ä'.repeat(6)))).code, -32602);
    await client.publish('short/big', 'x'.repeat(11));

    const batch = [11, 10, 11, 9].map((size, id) => ({ jsonrpc: '2.0', id, method: 'publish',
      params: { topic: 'short/a', message: String(id).repeat(size) } }));
    client.sendText(JSON.stringify(batch));
    const answers = await client.until('the answers of the batch', () => client.received.find(Array.isArray));
    assert.deepEqual(answers.filter(({ error }) => error?.data === TOO_LONG).map(({ id }) => id).sort(), [0, 2]);
    assert.deepEqual(answers.filter(({ result }) => result).map(({ id }) => id).sort(), [1, 3]);
    assert.deepEqual((await messagesOf('short/a')).slice(-2), ['1'.repeat(10), '3'.repeat(9)]);

    const socket = await openSocket(t, server);
    for (const [size, status] of [[11, 413], [10, 200]]) {
      await socket.send(requestHead('POST /short/a HTTP/1.1', { ...headers, Host: 'x', 'Content-Length': size }) +
        'x'.repeat(size));
      const answer = await socket.readResponse();
      assert.equal(answer.status, status);
      if (status === 413) assert.deepEqual(JSON.parse(answer.body), { error: TOO_LONG });
    }
    assert.equal((await httpPost(server, '/short/big', 'x'.repeat(11), headers)).status, 200);

    const body = JSON.stringify([11, 10].map((size) =>
      ({ topic: 'short/a', message: 'x'.repeat(size) })));
    const many = await httpRequest(server, 'POST', '/api/publish', headers, body);
    const [first, second] = JSON.parse(many.body).results;
    assert.deepEqual(first, { status: 'invalid', error: TOO_LONG });
    assert.equal(second.status, 'ok');
  });

  await t.test('change with SIGHUP, unless the file has a mistake', async () => {
    write('topics', 'short/# 1 - 5\n');
    server.child.kill('SIGHUP');
    await server.until('new settings', () => /event=topics_loaded patterns=1/.test(server.stderr));
    await client.publish('short/a', 'last');
    assert.deepEqual(await messagesOf('short/a'), ['last']);
    assert.equal((await errorOf(client.publish('short/a', '123456'))).code, -32602);

    write('topics', '\nshort/# none - 5\n');
    server.child.kill('SIGHUP');
    await server.untilMetric('the refusal', (now) => now.topic_settings_reloads_refused_total === 1);
    await server.until('the reason', () =>
      /event=topics_refused why="TOPICS_FILE: .*topics:2: max_length must be/.test(server.stderr));
    assert.equal((await errorOf(client.publish('short/a', '123456'))).code, -32602);
  });
});

test('--check-config reads TOPICS_FILE', async (t) => {
  const { write } = temporaryFiles(t);
  const cases = [
    ['a/# 100 3600 4k\n', 0, /^$/],
    ['a/# 100 3600\n', 1, /TOPICS_FILE: .*:1: a line must have four words/],
    ['\na - - 2m\n', 1, /TOPICS_FILE: .*:2: max_message_size must be .* to 1048576 \(MAX_MESSAGE_SIZE\)/],
    ['a - - -\n\na 1 - -\n', 1, /TOPICS_FILE: .*:3: the pattern is already on line 1/],
  ];
  for (const [text, want, why] of cases) {
    const env = { TOPICS_FILE: write('topics', text) };
    const { code, stderr } = await runToExit(env, { args: ['--check-config'] });
    assert.match(stderr, why);
    assert.equal(code, want);
  }
  const env = { TOPICS_FILE: '/nowhere/topics' };
  const { code, stderr } = await runToExit(env, { args: ['--check-config'] });
  assert.match(stderr, /TOPICS_FILE: \/nowhere\/topics: No such file or directory/);
  assert.equal(code, 1);
});
