// The control API under /api/: rights, requests and answers. Each answer is checked against
// docs/control.openapi.json.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { ADMIN, api, OPTIONS, RIGHTS } from './support/control.mjs';
import { freeze } from './support/freeze.mjs';
import { httpGet, httpRequest } from './support/http.mjs';
import { metricsOf, startWithInternal } from './support/internal.mjs';
import { secondsFromNow, signToken } from './support/jwt.mjs';
import { faultOf, OPERATIONS, requestFault } from './support/openapi.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const READER = signToken({ read: ['#'] });

testOnBothBrokers('publishes many messages in one request', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker });
  const reader = await openClient(t, server, { headers: { Authorization: `Bearer ${READER}` } });
  const subscription = await reader.subscribe('many/#');

  await t.test('in the order of the array, each with its own answer', async () => {
    const messages = Array.from({ length: 1000 }, (_, i) =>
      ({ topic: `many/${i % 7}`, message: `${i}`, ttl: 60, ...(i === 5 && { key: 'once' }) }));
    assert.equal(requestFault('POST', '/api/publish', messages), undefined);
    const { status, json, headers } = await api(server, 'POST', '/api/publish', messages);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    assert.ok(json.results.every((result) => result.status === 'ok'));
    await subscription.untilCount(1000);
    assert.deepEqual(subscription.texts, messages.map(({ message }) => message));
    assert.deepEqual(subscription.ids, json.results.map(({ id }) => id));
    assert.ok(subscription.messages.every(({ origin }) => origin === 'backend'));

    const again = await api(server, 'POST', '/api/publish', [messages[5]]);
    assert.equal(again.json.results[0].id, json.results[5].id, 'a key counts once');
  });

  await t.test('and says what is wrong with one of them', async () => {
    const wrong = [
      { topic: 'many/+', message: 'x' }, { topic: '#', message: 'x' }, { topic: 'a b', message: 'x' },
      { message: 'x' }, { topic: 'many/x' }, { topic: 'many/x', message: '' }, { topic: 7, message: 'x' },
      { topic: 'many/x', message: 'x', ttl: -1 }, { topic: 'many/x', message: 'x', key: 'k'.repeat(65) },
      { topic: 'x'.repeat(300), message: 'x' },
    ];
    for (const message of wrong) assert.ok(requestFault('POST', '/api/publish', [message]), message);
    const right = { topic: 'many/last', message: 'right' };
    const { status, json } = await api(server, 'POST', '/api/publish', [...wrong, right]);
    assert.equal(status, 200);
    assert.deepEqual(json.results.map((result) => result.status),
      [...wrong.map(() => 'invalid'), 'ok']);
    assert.equal(json.results[0].error, 'topic must be one topic, not a pattern');
    assert.equal(json.results[2].error, 'topic must be a valid topic');
    await subscription.untilText('right');
    assert.equal(subscription.texts.length, 1001);
  });

  await t.test('within the rate limit of the token', async () => {
    const rlimit = [{ topic: 'limited', interval: 100, max: 2 }];
    const token = signToken({ sub: 'slow', admin: ['publish'], rlimit });
    const messages = [1, 2, 3].map((i) => ({ topic: 'limited', message: `${i}` }));
    const { json } = await api(server, 'POST', '/api/publish', messages, { token });
    assert.deepEqual(json.results.map(({ status }) => status), ['ok', 'ok', 'rate_limited']);
  });
});

/** The headers of a client that may read everything. */
const reader = (sub) => ({ headers: { Authorization: `Bearer ${signToken({ sub, read: ['#'] })}` } });

const idsOf = ({ json }) => json.clients.map(({ id }) => id);

testOnBothBrokers('lists and disconnects clients', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker, WORKER_THREADS: '2' });
  const ann = [await openClient(t, server, reader('ann')), await openClient(t, server, reader('ann'))];
  const bob = await openClient(t, server, reader('bob'));
  await ann[0].subscribe('room/1');
  await ann[1].subscribe('room/+');
  await bob.subscribe('other/#');
  const stream = await openStream(t, server, '/room/1', reader('eve').headers);
  const clients = (query = '') => api(server, 'GET', `/api/clients${query}`);

  await t.test('nodes', async () => {
    const { json } = await api(server, 'GET', '/api/nodes');
    assert.equal(json.nodes.length, 1);
    assert.equal(json.complete, true);
    assert.equal(json.nodes[0].workers, 2);
    assert.equal(json.nodes[0].subscriptions, 4);
    assert.ok(json.nodes[0].connections >= 4);
  });

  await t.test('all clients, and those of a sub or a topic', async () => {
    const { json } = await clients();
    assert.deepEqual(json.clients.map(({ sub }) => sub).sort(), ['ann', 'ann', 'bob', 'eve']);
    assert.deepEqual(json.clients.map(({ protocol }) => protocol).sort(),
      ['sse', 'websocket', 'websocket', 'websocket']);
    assert.ok(json.clients.every(({ address }) => address.startsWith('127.0.0.1:')));
    assert.ok(json.clients.every(({ since }) => Math.abs(since - Date.now() / 1000) < 60));
    assert.deepEqual([json.more, json.complete], [false, true]);
    const subsOf = async (query) => (await clients(query)).json.clients.map(({ sub }) => sub).sort();
    assert.deepEqual(await subsOf('?sub=bob'), ['bob']);
    assert.deepEqual(await subsOf('?sub=nobody'), []);
    assert.deepEqual(await subsOf('?topic=room/1'), ['ann', 'ann', 'eve']);
    assert.deepEqual(await subsOf('?topic=room/2'), ['ann']);
    assert.deepEqual(await subsOf('?topic=room/%2B'), ['ann']);
    assert.deepEqual(await subsOf('?topic=room/%23'), []);
    assert.deepEqual(await subsOf('?topic=room/1&sub=eve'), ['eve']);
  });

  await t.test('page by page', async () => {
    const all = idsOf(await clients());
    assert.deepEqual(all, [...all].sort());
    const pages = [];
    for (let after = ''; ;) {
      const page = await clients(`?limit=1${after}`);
      pages.push(...idsOf(page));
      if (!page.json.more) break;
      after = `&after=${idsOf(page)[0]}`;
    }
    assert.deepEqual(pages, all);
  });

  await t.test('disconnects one client, and all of a sub', async () => {
    const disconnect = (body) => api(server, 'POST', '/api/disconnect', body);
    const [bobId] = idsOf(await clients('?sub=bob'));
    const nobody = await disconnect({ client: bobId.replace(/.$/, (c) => (c === 'f' ? '0' : 'f')) });
    assert.equal(nobody.json.disconnected, 0, 'another generation');
    assert.equal((await disconnect({ client: `${'0'.repeat(16)}${bobId.slice(16)}` })).json.disconnected, 0);
    assert.deepEqual((await disconnect({ client: bobId, reason: 'go away' })).json,
      { disconnected: 1, complete: true });
    assert.deepEqual(await bob.untilClosed(), { code: 1008, reason: 'go away' });

    assert.equal((await disconnect({ sub: 'ann' })).json.disconnected, 2);
    for (const client of ann) {
      assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'disconnected by the operator' });
    }
    assert.equal((await disconnect({ sub: 'eve' })).json.disconnected, 1);
    await stream.untilEnd();
    stream.leave(); // a connection is counted when both sides have closed it
    assert.deepEqual(idsOf(await clients()), []);
    assert.equal((await disconnect({ client: bobId })).json.disconnected, 0);
    await eventually('all are counted', async () =>
      (await metricsOf(server)).disconnects_total.operator === 4);
    assert.match(server.stderr, /event=control op=disconnect .* sub=backend client=[0-9a-f-]+\n/);
    assert.match(server.stderr, /event=control op=disconnect .* sub=backend target=ann\n/);
  });
});

testOnBothBrokers('lists the topics of the event log', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker, WORKER_THREADS: '2', MAX_CACHE_LENGTH: '10' });
  const topics = (query = '') => api(server, 'GET', `/api/topics${query}`);
  const namesOf = async (query) => (await topics(query)).json.topics.map(({ topic }) => topic);
  const names = Array.from({ length: 250 }, (_, i) => `many/${String(i * 7 % 250).padStart(3, '0')}`);

  await t.test('none, at first', async () => {
    assert.deepEqual((await topics()).json, { topics: [], more: false, complete: true });
  });

  const published = [...names, 'a/b', 'a', 'a-b', 'a/b', 'a//d'];
  const { json: { results } } =
    await api(server, 'POST', '/api/publish', published.map((topic) => ({ topic, message: 'x' })));
  const idOf = (topic) => results[published.lastIndexOf(topic)].id;
  const ann = await openClient(t, server, reader('ann'));
  await ann.subscribe('a/#');
  await ann.subscribe('a/b');
  await openStream(t, server, '/a/b', reader('eve').headers);

  await t.test('with their logs and subscribers', async () => {
    const { json } = await topics('?match=a/%23');
    assert.deepEqual(json, { topics: [
      { topic: 'a', length: 1, last_id: idOf('a'), subscribers: 1 },
      { topic: 'a//d', length: 1, last_id: idOf('a//d'), subscribers: 1 },
      { topic: 'a/b', length: 2, last_id: idOf('a/b'), subscribers: 2 },
    ], more: false, complete: true });
    assert.deepEqual(await namesOf('?match=a'), ['a']);
    assert.deepEqual(await namesOf('?match=%2B'), ['a', 'a-b']);
    assert.deepEqual(await namesOf('?match=a/%2B'), ['a/b']);
    assert.deepEqual(await namesOf('?match=none/%23'), []);
  });

  await t.test('page by page', async () => {
    const all = [...names, 'a', 'a-b', 'a/b', 'a//d'].sort();
    for (const [limit, n] of [[100, 3], [84, 4]]) {
      const pages = [];
      for (let after = ''; ;) {
        const { json } = await topics(`?limit=${limit}${after}`);
        pages.push(json.topics.map(({ topic }) => topic));
        if (!json.more) break;
        assert.equal(json.after, pages.at(-1).at(-1));
        after = `&after=${json.after}`;
      }
      assert.equal(pages.length, n);
      assert.deepEqual(pages.flat(), all);
    }
    assert.deepEqual(await namesOf('?after=many/248a'), ['many/249']);
    assert.deepEqual(await namesOf('?after=many/249'), []);
    assert.deepEqual(await namesOf('?match=a/%2B&after=many/000'), []);
    assert.deepEqual(await namesOf('?match=a/%2B&after=A&limit=1'), ['a/b']);
    assert.match(server.stderr, /event=control op=topics peer=127\.0\.0\.1:\d+ sub=backend match=a\/\+\n/);
  });
});

test('asks all nodes', async (t) => {
  const { options } = await startRedis(t);
  const nodes = [await startServer(t, { ...OPTIONS, ...options }), await startServer(t, { ...OPTIONS, ...options })];
  const clients = [];
  for (const node of [...nodes, nodes[1]]) clients.push(await openClient(t, node, reader('ann')));
  for (const client of clients) await client.subscribe('a/+');
  await api(nodes[0], 'POST', '/api/publish', [{ topic: 'a/b', message: 'x' }]);

  const { json } = await api(nodes[0], 'GET', '/api/nodes');
  assert.deepEqual([json.nodes.length, json.complete], [2, true]);
  assert.equal(new Set(json.nodes.map(({ node }) => node)).size, 2);
  for (const node of nodes) {
    const all = await api(node, 'GET', '/api/clients?sub=ann');
    assert.equal(new Set(idsOf(all)).size, 3);
    assert.equal(new Set(all.json.clients.map((client) => client.node)).size, 2);
    const { json: { topics } } = await api(node, 'GET', '/api/topics');
    assert.deepEqual(topics.map(({ subscribers }) => subscribers), [3]);
  }

  await freeze(nodes[1].child);
  const [partial, topics] = await Promise.all(['/api/clients?sub=ann', '/api/topics']
    .map((path) => api(nodes[0], 'GET', path))).finally(() => nodes[1].child.kill('SIGCONT'));
  assert.deepEqual([partial.json.clients.length, partial.json.complete], [1, false]);
  assert.deepEqual([topics.json.topics[0].subscribers, topics.json.complete], [1, false]);

  const done = await api(nodes[0], 'POST', '/api/disconnect', { sub: 'ann' });
  assert.equal(done.json.disconnected, 3);
  for (const client of clients) assert.equal((await client.untilClosed()).code, 1008);
});

test('says of a question that had no turn behind a hung node that it was not executed', async (t) => {
  const { options } = await startRedis(t);
  const node = await startServer(t, { ...OPTIONS, ...options, BROKER_TIMEOUT: '1' });
  const hung = await startServer(t, { ...OPTIONS, ...options });
  await freeze(hung.child);
  const answers = await Promise.all(Array.from({ length: 40 }, () =>
    api(node, 'POST', '/api/disconnect', { sub: 'ann' })));
  hung.child.kill('SIGCONT');
  const refused = answers.filter(({ status }) => status !== 200);
  assert.ok(refused.length > 0 && refused.length <= 36, `${refused.length}`);
  for (const { status, json } of refused) {
    assert.deepEqual([status, json.error], [503, 'the request was not executed']);
  }
});

test('refused requests about clients and topics', async (t) => {
  const server = await startServer(t, { ...OPTIONS, BROKER: 'memory' });
  const client = await openClient(t, server, reader('ann'));
  const id = '0123456789abcdef-0000-00000000-00000000';
  const rightOf = (path) => ({ '/api/publish': 'publish', '/api/revoke': 'tokens', '/api/topics': 'log', '/api/log/{topic}': 'log' })[path] ?? 'clients';
  for (const [method, path] of OPERATIONS) {
    const body = method === 'POST' ? { sub: 'ann' } : undefined;
    assert.equal((await api(server, method, path, body, { token: null })).status, 401, path);
    assert.equal((await api(server, method, path, body, { token: READER })).status, 403, path);
    const token = signToken({ write: ['#'], admin: RIGHTS.filter((right) => right !== rightOf(path)) });
    assert.equal((await api(server, method, path, body, { token })).status, 403, path);
    assert.equal((await api(server, method === 'DELETE' ? 'POST' : 'DELETE', path)).status, 405, path);
  }
  for (const query of [`sub=${'x'.repeat(257)}`, 'sub=', 'sub=%ff', 'topic=', 'topic=a%20b', 'topic=a/%23/b',
    'limit=0', 'limit=101', 'limit=x', 'after=1', `after=${id.toUpperCase()}`, `after=${id}0`]) {
    assert.equal((await api(server, 'GET', `/api/clients?${query}`)).status, 400, query);
  }
  assert.equal((await api(server, 'GET', `/api/clients?sub=${'x'.repeat(10_000)}`)).status, 400);
  for (const query of ['match=', 'match=a%20b', 'match=a/%23/b', 'match=%ff', `match=${'x'.repeat(257)}`,
    `match=${'x'.repeat(10_000)}`, 'after=', 'after=%2B', `after=${'x'.repeat(257)}`, 'limit=0', 'limit=101',
    'limit=-1', 'limit=x']) {
    const { status, json } = await api(server, 'GET', `/api/topics?${query}`);
    assert.equal(status, 400, query);
    assert.match(json.error, new RegExp(`^${query.includes('%ff') ? 'the query' : query.split('=')[0]} must`));
  }
  for (const body of ['', 'x', [], '{', {}, { sub: '' }, { sub: 7 }, { sub: 'x'.repeat(257) }, { client: 'x' },
    { client: id, sub: 'ann' }, { sub: 'ann', reason: 'x'.repeat(101) }, { sub: 'ann', reason: 7 },
    { sub: 'ann', reason: '\0' }, { sub: 'ann', reasn: 'x' }, '{"sub":"ann","sub":"bob"}']) {
    assert.equal((await api(server, 'POST', '/api/disconnect', body)).status, 400, JSON.stringify(body));
  }
  for (const path of ['/api/clients?subject=ann', '/api/topics?topic=a', '/api/clients?sub=ann&x']) {
    const { status, json } = await api(server, 'GET', path);
    assert.deepEqual([status, json.error], [400, 'the query has an unknown parameter'], path);
  }
  assert.equal((await api(server, 'POST', '/api/disconnect', { sub: 'x'.repeat(10_000) })).status, 413);
  assert.equal((await api(server, 'GET', '/api/clients?sub=ann')).json.clients.length, 1, 'nothing changed');
  assert.equal((await metricsOf(server)).control_requests_total, 1);
  assert.equal(client.closed, null);
});

test('refused requests', async (t) => {
  const server = await startServer(t, { ...OPTIONS, BROKER: 'memory', MAX_MESSAGE_SIZE: '64k' });
  const reader = await openClient(t, server, { headers: { Authorization: `Bearer ${READER}` } });
  const subscription = await reader.subscribe('#');
  const one = [{ topic: 'a', message: 'x' }];
  const withoutPublish = signToken({ read: ['#'], write: ['#'], admin: ['clients', 'log', 'tokens'] });
  const ended = signToken({ admin: RIGHTS, exp: secondsFromNow(-5) });
  const cases = [
    ['no token', 401, 'POST', one, { token: null }],
    ['a token in the query', 401, 'POST', one, { token: null, query: `?auth=${ADMIN}` }],
    ['a token that has expired', 401, 'POST', one, { token: ended }],
    ['a token of another key', 401, 'POST', one, { token: signToken({ admin: RIGHTS }, { secret: 'x' }) }],
    ['a token without admin', 403, 'POST', one, { token: signToken({ read: ['#'], write: ['#'] }) }],
    ['a token whose admin is true', 403, 'POST', one, { token: signToken({ write: ['#'], admin: true }) }],
    ['a token without the right', 403, 'POST', one, { token: withoutPublish }],
    ['GET', 405, 'GET'], ['PUT', 405, 'PUT', one], ['OPTIONS', 405, 'OPTIONS'],
    ['no body', 400, 'POST', ''], ['text', 400, 'POST', 'hello'], ['an object', 400, 'POST', {}],
    ['half an array', 400, 'POST', '[{"topic":"a","message":"x"}'],
    ['numbers', 400, 'POST', [1]], ['nested values', 400, 'POST', [{ topic: ['a'], message: 'x' }]],
    ['brackets', 400, 'POST', '['.repeat(60_000)],
    ['1,001 messages', 413, 'POST', Array(1001).fill({ topic: 'a', message: 'x' })],
    ['a body that is too long', 413, 'POST', [{ topic: 'a', message: 'x'.repeat(70_000) }]],
    ['a compressed body', 415, 'POST', one, { headers: { 'Content-Encoding': 'gzip' } }],
  ];
  const before = await metricsOf(server);
  for (const [name, status, method, body, { query = '', ...rest } = {}] of cases) {
    await t.test(`answers ${status} to ${name}`, async () => {
      const answer = await api(server, method, `/api/publish${query}`, body, rest);
      assert.equal(answer.status, status, answer.body);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      if (status === 405) assert.equal(answer.headers.allow, 'POST');
      if (status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
    });
  }

  await t.test('answers 404 to other paths', async () => {
    for (const path of ['/api/', '/api/nothing', '/api/publish/', '/api/%70ublish']) {
      assert.equal((await api(server, 'POST', path, one)).status, 404, path);
    }
  });

  await t.test('counts and logs them, and publishes nothing', async () => {
    const after = await metricsOf(server);
    const grown = (reason) =>
      after.refused_requests_total[reason] - before.refused_requests_total[reason];
    assert.equal(after.control_requests_total, before.control_requests_total);
    assert.equal(grown('unauthorized'), 4);
    assert.equal(grown('not_allowed'), 3);
    assert.equal(grown('unknown_method'), 7);
    assert.ok(grown('invalid_params') >= 7);
    assert.ok(grown('bad_http') >= 2);
    assert.equal(after.publish_count, before.publish_count);
    assert.match(server.stderr, /event=control_refused op=publish .* status=403 why="the token's claim/);
    await api(server, 'POST', '/api/publish', [{ topic: 'end', message: 'the end' }]);
    await subscription.untilText('the end');
    assert.deepEqual(subscription.texts, ['the end']);
    assert.match(server.stderr, /event=control op=publish peer=127\.0\.0\.1:\d+ sub=backend messages=1\n/);
    assert.ok(!server.stderr.includes(ADMIN.split('.')[2]), 'no token is logged');
  });

  await t.test('keeps the connection for the next request', async (t) => {
    const socket = await openSocket(t, server);
    const head = (n) => requestHead('POST /api/publish HTTP/1.1',
      { Host: 'x', Authorization: `Bearer ${ADMIN}`, 'Content-Length': `${n}` });
    await socket.send(`${head(2)}[]${head(2)}{}${head(2)}[]`);
    for (const status of [200, 400, 200]) {
      assert.equal((await socket.readResponse()).status, status);
    }
  });
});

test('without tokens, serves only programs on the same machine', async (t) => {
  const server = await startServer(t, { ENABLE_API: 'true', DISABLE_AUTH: 'true', BROKER: 'memory' });
  const publish = (headers) =>
    api(server, 'POST', '/api/publish', [{ topic: 'a', message: 'x' }], { token: null, headers });
  assert.equal((await publish({})).status, 200);
  for (const [name, value] of Object.entries({
    Origin: 'http://127.0.0.1', 'Sec-Fetch-Site': 'same-origin', 'X-Forwarded-For': '127.0.0.1',
    'X-Real-IP': '127.0.0.1', Forwarded: 'for=127.0.0.1', Via: '1.1 proxy',
  })) {
    const { status, json } = await publish({ [name]: value });
    assert.equal(status, 403, name);
    assert.match(json.error, /DISABLE_AUTH/);
  }
  for (const Host of ['rebound.example', 'localhost.example', '127.0.0.1.example']) {
    assert.equal((await publish({ Host })).status, 403, Host);
  }
  for (const Host of ['localhost', 'localhost:80', '[::1]:8080', '127.0.0.1']) {
    assert.equal((await publish({ Host })).status, 200, Host);
  }
  const { status } = await api(server, 'POST', '/api/publish', 'x'.repeat(100), { token: null });
  assert.equal(status, 400);
});

test('where the API is served', async (t) => {
  const { server, internal } = await startWithInternal(t, { ...OPTIONS, BROKER: 'memory' });
  const one = [{ topic: 'a', message: 'x' }];
  assert.equal((await api(internal, 'POST', '/api/publish', one)).status, 200);
  const headers = { Authorization: `Bearer ${signToken({ write: ['api/#'] })}` };
  const asTopic = await httpRequest(server, 'POST', '/api/publish', headers, 'text');
  assert.equal(JSON.parse(asTopic.body).topic, 'api/publish', 'a topic on the public port');

  const off = await startServer(t, { ...OPTIONS, ENABLE_API: 'false', BROKER: 'memory' });
  const { topic } = JSON.parse((await httpRequest(off, 'POST', '/api/publish', headers, 'x')).body);
  assert.equal(topic, 'api/publish', 'a topic when it is off');
  assert.equal((await httpGet(off, '/api/publish')).status, 404);
});

test('the checks themselves find faults', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } },
    additionalProperties: false };
  assert.equal(faultOf(schema, { a: 1 }), undefined);
  assert.match(faultOf(schema, {}), /missing/);
  assert.match(faultOf(schema, { a: 'x' }), /type integer/);
  assert.match(faultOf(schema, { a: 1, b: 2 }), /not documented/);
  assert.throws(() => faultOf({ unknown: 1 }, 1), /knows the keyword/);
});
