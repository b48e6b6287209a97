// ALLOWED_ORIGINS: which web pages may use the server, and the CORS fields in its answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpRequest } from './support/http.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';

const HOME = 'https://app.example';
const OTHER = 'http://localhost:3000';
const LIST = `${HOME}, ${OTHER}`;
const STRANGERS = [
  'https://evil.example', 'http://app.example', 'https://app.example:8443', 'null',
  'https://app.example.evil.example', 'https://evil.example?https://app.example', `${HOME}, ${OTHER}`,
];
const HANDSHAKE = {
  Host: 'x', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

async function answerTo(t, server, line, headers) {
  const socket = await openSocket(t, server);
  await socket.send(requestHead(line, headers));
  return { socket, answer: await socket.readResponse() };
}

function assertCors({ headers }, origin, vary = 'Origin') {
  assert.equal(headers['access-control-allow-origin'], origin);
  assert.equal(headers.vary ?? null, vary);
}

test('origins in the WebSocket handshake', async (t) => {
  const server = await startServer(t, { ALLOWED_ORIGINS: LIST });

  for (const origin of [HOME, OTHER, 'HTTPS://App.Example']) {
    await t.test(`accepts ${origin}`, async (t) => {
      await (await openClient(t, server, { headers: { Origin: origin } })).roundTrip();
    });
  }

  await t.test('accepts a client without an origin', async (t) => (await openClient(t, server)).roundTrip());

  for (const origin of STRANGERS) {
    await t.test(`answers 403 to ${origin} and closes the connection`, async (t) => {
      const { socket, answer } =
        await answerTo(t, server, 'GET / HTTP/1.1', { ...HANDSHAKE, Origin: origin });
      assert.equal(answer.status, 403);
      assert.match(JSON.parse(answer.body).error, /origin/);
      await socket.untilEnd();
    });
  }

  await t.test('answers 403 to two origins', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(requestHead('GET / HTTP/1.1', { ...HANDSHAKE, Origin: HOME })
      .replace('\r\n\r\n', `\r\nOrigin: ${HOME}\r\n\r\n`));
    assert.equal((await socket.readResponse()).status, 403);
  });

  await t.test('checks the origin before the token', async (t) => {
    const closed = await startServer(t, { ALLOWED_ORIGINS: LIST, DISABLE_AUTH: 'false' });
    const headers = { ...HANDSHAKE, Origin: STRANGERS[0] };
    assert.equal((await answerTo(t, closed, 'GET / HTTP/1.1', headers)).answer.status, 403);
  });

  await t.test('counts and logs refused origins', async () => {
    const { refused_requests_total: refused } = await server.metrics();
    assert.equal(refused.origin, STRANGERS.length + 1);
    assert.match(server.stderr, /event=origin_refused .*origin="?https:\/\/evil\.example/);
  });
});

test('origins of POST, streams and OPTIONS', async (t) => {
  const server = await startServer(t, { ALLOWED_ORIGINS: LIST });
  const post = (headers) => httpRequest(server, 'POST', '/', { ...headers, 'Content-Length': '0' });

  await t.test('lets a page of the list read answers and errors', async () => {
    assertCors(await post({ Origin: HOME }), HOME);
    const nowhere = await httpRequest(server, 'GET', '/nowhere', { Origin: OTHER });
    assert.equal(nowhere.status, 404);
    assertCors(nowhere, OTHER);
  });

  await t.test('answers 403 to a stream for another page', async (t) => {
    const accept = { Host: 'x', Accept: 'text/event-stream' };
    const head = 'HEAD /a HTTP/1.1';
    const socket = await openSocket(t, server);
    await socket.send(requestHead(head, { ...accept, Origin: HOME }));
    assertCors(await socket.readResponse({ head: true }), HOME);
    const { answer } = await answerTo(t, server, 'GET /a HTTP/1.1',
      { ...accept, Origin: STRANGERS[0] });
    assert.equal(answer.status, 403);
    assertCors(answer, undefined);
  });

  await t.test('publishes nothing for another page', async (t) => {
    const client = await openClient(t, server);
    const answer = await httpRequest(server, 'POST', '/published',
      { Origin: STRANGERS[0], 'Content-Length': '0' });
    assert.equal(answer.status, 403);
    assertCors(answer, undefined);
    const { items } = await client.call('eventlog', { topic: 'published', since: -60_000 });
    assert.deepEqual(items, []);
  });

  await t.test('sends Vary even without an origin', async () =>
    assertCors(await post({}), undefined));

  await t.test('permits credentials to pages of the list', async () => {
    for (const [origin, told] of [[HOME, 'true'], [STRANGERS[0], undefined], [undefined, undefined]]) {
      const answer = await post(origin ? { Origin: origin } : {});
      assert.equal(answer.headers['access-control-allow-credentials'], told);
    }
  });

  await t.test('permits the request headers that a preflight asks for', async () => {
    const asked = 'x-requested-with,traceparent,authorization';
    const { headers } = await httpRequest(server, 'OPTIONS', '/a', {
      Origin: HOME, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': asked,
    });
    assert.equal(headers['access-control-allow-headers'], asked);
    assert.equal(headers['access-control-allow-methods'], 'GET, POST, OPTIONS');
    assert.equal(headers.vary, 'Origin, Access-Control-Request-Headers');
  });

  await t.test('answers OPTIONS with CORS fields only to pages of the list', async () => {
    for (const [origin, told] of [[HOME, HOME], [STRANGERS[0], undefined]]) {
      const answer = await httpRequest(server, 'OPTIONS', '/a', { Origin: origin });
      assert.equal(answer.status, 204);
      assertCors(answer, told, 'Origin, Access-Control-Request-Headers');
    }
  });

  await t.test('serves health and metrics to everybody, with CORS fields for pages of the list', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/metrics?format=json']) {
      for (const [origin, told] of [[HOME, HOME], [STRANGERS[0], undefined], [undefined, undefined]]) {
        const answer = await httpRequest(server, 'GET', path, origin ? { Origin: origin } : {});
        assert.equal(answer.status, 200);
        assertCors(answer, told);
      }
    }
  });

  await t.test('checks the origin of each request of a connection', async (t) => {
    const socket = await openSocket(t, server);
    for (const origin of [HOME, OTHER]) {
      await socket.send(requestHead('GET /nowhere HTTP/1.1', { Host: 'x', Origin: origin }));
      assertCors(await socket.readResponse(), origin);
    }
    await socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x' }));
    assertCors(await socket.readResponse(), undefined);
  });
});

test('accepts every origin by default', async (t) => {
  const server = await startServer(t);
  await (await openClient(t, server, { headers: { Origin: STRANGERS[0] } })).roundTrip();
  const answer = await httpRequest(server, 'GET', '/nowhere', { Origin: STRANGERS[0] });
  assertCors(answer, '*', null);
  const metrics = await httpRequest(server, 'GET', '/metrics', { Origin: STRANGERS[0] });
  assertCors(metrics, '*', null);
  assert.equal(metrics.headers['access-control-allow-credentials'], undefined);
});

test('origins without a host, and names below one', async (t) => {
  const server = await startServer(t, { ALLOWED_ORIGINS: 'null,file://,https://*.example.com' });
  const statusFor = async (Origin) =>
    (await answerTo(t, server, 'GET / HTTP/1.1', { ...HANDSHAKE, Origin })).answer.status;

  for (const origin of ['null', 'file://', 'https://a.example.com', 'https://b.a.example.com']) {
    await t.test(`accepts ${origin}`, async (t) => {
      await (await openClient(t, server, { headers: { Origin: origin } })).roundTrip();
      assertCors(await httpRequest(server, 'GET', '/nowhere', { Origin: origin }), origin);
    });
  }
  for (const origin of ['https://example.com', 'http://a.example.com', 'https://aexample.com',
    'https://evil.example/.example.com', 'https://a.example.com.evil.example', 'file:///']) {
    await t.test(`answers 403 to ${origin}`, async () => assert.equal(await statusFor(origin), 403));
  }
});

for (const list of ['app.example', 'https://app.example/', 'https://*', 'https://a.*.example', 'https://a,']) {
  test(`refuses ALLOWED_ORIGINS=${list}`, async () => {
    const { code, stderr } = await runToExit({ ALLOWED_ORIGINS: list });
    assert.equal(code, 1);
    assert.match(stderr, /^eventhub: ALLOWED_ORIGINS must be [^\n]*scheme:\/\/host[^\n]*\n$/);
  });
}
