// ENABLE_CONSOLE: the files of the console over HTTP, and the handshakes that its socket accepts.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { httpPost, httpRequest } from './support/http.mjs';
import { metricsOf, startWithInternal } from './support/internal.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket, readUpgrade } from './support/socket.mjs';

const FOLDER = new URL('../../src/console/', import.meta.url);
const ENABLED = { ENABLE_CONSOLE: 'true' };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const TYPES = {
  html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml',
};

/** The files of the console by the path at which they are served. */
function filesOfConsole(folder = FOLDER, below = '/console/') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return filesOfConsole(new URL(`${entry.name}/`, folder), `${below}${entry.name}/`);
    const path = below + (entry.name === 'index.html' ? '' : entry.name);
    return [{ path, bytes: readFileSync(new URL(entry.name, folder)), type: TYPES[entry.name.split('.').pop()] }];
  });
}

const FILES = filesOfConsole();

/** The answer to one request, its body as bytes. The path is sent as it is. */
async function fetchRaw(server, path, headers = {}) {
  const response = await fetchOver(server, path, headers);
  return { ...response, bytes: Buffer.from(response.body, 'latin1') };
}

function fetchOver(server, path, headers, method = 'GET') {
  return httpRequest(server, method, path, headers, undefined, 'latin1');
}

test('the files of the console', async (t) => {
  const server = await startServer(t, { ...ENABLED, ALLOWED_ORIGINS: 'https://app.example' });

  await t.test('are the files of src/console, plain and as gzip', async () => {
    for (const { path, bytes, type } of FILES) {
      const plain = await fetchRaw(server, path);
      const gzip = await fetchRaw(server, path, { 'Accept-Encoding': 'br, gzip' });
      assert.deepEqual([plain.status, gzip.status], [200, 200], path);
      assert.deepEqual([plain.headers['content-type'], gzip.headers['content-type']], [type, type], path);
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.ok(plain.bytes.equals(bytes), path);
      const isGzip = gzip.headers['content-encoding'] === 'gzip';
      assert.ok((isGzip ? gunzipSync(gzip.bytes) : gzip.bytes).equals(bytes), path);
      if (isGzip) assert.ok(gzip.bytes.length < bytes.length, path);
      const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 24);
      assert.equal(plain.headers.etag, `"${hash}"`);
      assert.equal(gzip.headers.etag, isGzip ? `"${hash}-gzip"` : `"${hash}"`);
    }
  });

  await t.test('have the fields that keep a page to its own files', async () => {
    const { headers } = await fetchRaw(server, '/console/', { Origin: 'https://app.example' });
    const policy = headers['content-security-policy'].split('; ');
    for (const one of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'",
      "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"])
      assert.ok(policy.includes(one), one);
    assert.ok(!/unsafe|\*|data:/.test(headers['content-security-policy']));
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers.vary, 'Accept-Encoding');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  await t.test('answers HEAD like GET, without the body', async () => {
    const headers = { 'Accept-Encoding': 'gzip' };
    const get = await fetchRaw(server, '/console/', headers);
    const head = await fetchOver(server, '/console/', headers, 'HEAD');
    assert.deepEqual([head.status, head.body], [200, '']);
    delete get.headers.date;
    delete head.headers.date;
    assert.deepEqual(head.headers, get.headers);
  });

  await t.test('answers 304 to a client that has the file', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const accepts = { 'Accept-Encoding': encoding };
      const { etag } = (await fetchRaw(server, '/console/', accepts)).headers;
      for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await fetchRaw(server, '/console/', { ...accepts, 'If-None-Match': tags });
        assert.deepEqual([answer.status, answer.body, answer.headers.etag], [304, '', etag], tags);
        assert.equal(answer.headers['content-length'], undefined);
        assert.equal(answer.headers['content-type'], undefined);
      }
      const changed = await fetchRaw(server, '/console/', { ...accepts, 'If-None-Match': '"x"' });
      assert.equal(changed.status, 200);
    }
  });

  await t.test('answers the next request of the connection after a 304', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send('GET /console/ HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n'
      + 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await socket.readResponse()).status, 304);
    assert.equal((await socket.readResponse()).status, 200);
  });

  await t.test('redirects /console to /console/ with a relative location', async () => {
    for (const path of ['/console', '/console?auth=secret']) {
      const { status, headers } = await fetchRaw(server, path);
      assert.deepEqual([status, headers.location], [301, 'console/'], path);
    }
  });

  const unknown = [
    '/console/index.html', '/console//', '/console/.', '/console/..', '/console/../metrics',
    '/console/../../etc/passwd', '/console/..%2fmetrics', '/console/%2e%2e/metrics', '/console/%2E%2E%2fmetrics',
    '/console/..%5cmetrics', '/console/..;/metrics', '/console/%00', '/console/main%2ejs', '/console/%6dain.js',
    '/console/icon.svg/', '/console/icon.svg%00', '/console/ICON.svg', '/console/socket/', '/console/js/',
    '/consolex', '/Console/', '//console/', '/%63onsole/', '/x/../console/',
  ];
  await t.test('answers 404 to every other path, however it is written', async () => {
    for (const path of unknown) assert.equal((await fetchRaw(server, path)).status, 404, path);
  });

  await t.test('answers 405 to other methods', async () => {
    for (const path of ['/console', '/console/', '/console/socket', '/console/nothing']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
        const { status, headers } = await fetchOver(server, path, { 'Content-Length': '0' }, method);
        assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], `${method} ${path}`);
      }
    }
  });

  await t.test('answers 426 to a plain request for the socket that is permitted', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await fetchOver(server, '/console/socket', {}, method);
      assert.deepEqual([status, headers.upgrade], [426, 'websocket']);
    }
  });
});

test('where the console is served', async (t) => {
  const isServed = async (server) => (await fetchRaw(server, '/console/')).status === 200;

  await t.test('nowhere by default: its path is like any other', async (t) => {
    const server = await startServer(t);
    for (const path of ['/console', '/console/', '/console/socket'])
      assert.equal((await fetchRaw(server, path)).status, 404, path);
    await openWebSocket(t, server, { target: '/console/socket' });
    assert.equal((await httpPost(server, '/console/x', 'hello')).status, 200);
  });

  await t.test('on the internal port only, if there is one', async (t) => {
    const { server, internal } = await startWithInternal(t, { ...ENABLED, ALLOWED_ORIGINS: 'https://app.example' });
    assert.deepEqual([await isServed(server), await isServed(internal)], [false, true]);
    const Origin = `http://127.0.0.1:${internal.port}`;
    const client = await openClient(t, internal, { target: '/console/socket', headers: { Origin } });
    const subscription = await client.subscribe('demo/#');
    await (await openClient(t, server)).publish('demo/a', 'hello');
    await subscription.untilText('hello');
    const { current_connections_count: clients, subscriptions } = await metricsOf(internal);
    assert.deepEqual([clients, subscriptions], [1, 1], 'only the publisher is a client, but both are served');
    const elsewhere = await openSocket(t, internal);
    await elsewhere.send(handshake({ Origin }, '/console/other'));
    assert.equal((await elsewhere.readResponse()).status, 404);
    server.signal('SIGTERM');
    assert.equal((await client.untilClosed()).code, 1001);
  });
});

test('the socket of the console', async (t) => {
  const server = await startServer(t, {
    ...ENABLED, ALLOWED_ORIGINS: 'https://app.example', DISABLE_AUTH: 'false', JWT_SECRET: SECRET,
  });
  const token = signToken({ read: ['demo/#'], write: ['demo/#'] });
  const fields = (more) =>
    ({ 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Protocol': `eventhub, bearer.${token}`, ...more });

  /** The answer to a handshake for the socket. */
  async function answerTo(t, to, more) {
    const socket = await openSocket(t, to);
    await socket.send(handshake(fields(more), '/console/socket'));
    return { socket, answer: await socket.readResponse() };
  }

  await t.test('accepts a page of the same origin, with the rights of its token', async (t) => {
    const headers = { Origin: `http://127.0.0.1:${server.port}`, Authorization: `Bearer ${token}` };
    const client = await openClient(t, server, { target: '/console/socket', headers });
    await client.publish('demo/a', 'x');
    await assert.rejects(client.publish('other', 'x'), { code: -32602 });
  });

  const own = [['http://a.example', 'a.example'], ['https://a.example', 'a.example'],
    ['https://a.example', 'A.example:443'], ['http://localhost:8080', 'localhost:8080'], ['http://[::1]:1', '[::1]:1']];
  for (const [Origin, Host] of own) {
    await t.test(`accepts ${Origin} at ${Host}`, async (t) => {
      const socket = await openSocket(t, server);
      await socket.send(handshake(fields({ Origin, Host }), '/console/socket'));
      const { headers } = await readUpgrade(socket, KEY);
      assert.equal(headers['sec-websocket-protocol'], 'eventhub');
    });
  }

  const strange = [
    [undefined, 'a.example'], ['https://app.example', 'a.example'], ['null', 'null'], ['null', 'a.example'],
    ['file://', 'a.example'], ['http://a.example:8080', 'a.example'], ['http://a.example', 'a.example:8080'],
    ['http://a.example.evil', 'a.example'], ['http://evil.a.example', 'a.example'], ['', 'a.example'],
    ['http://a.example, http://a.example', 'a.example'],
  ];
  for (const [Origin, Host] of strange) {
    await t.test(`answers 403 to ${Origin} at ${Host}`, async (t) => {
      const { socket, answer } = await answerTo(t, server, { Origin, Host });
      assert.equal(answer.status, 403);
      assert.match(JSON.parse(answer.body).error, /Origin must be/);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      await socket.untilEnd();
    });
  }

  await t.test('believes X-Forwarded-Host and X-Forwarded-Proto of a trusted proxy only', async (t) => {
    const trusting = await startServer(t, { ...ENABLED, TRUSTED_PROXIES: '127.0.0.1' });
    const cases = [
      ['https://a.example', { 'X-Forwarded-Host': 'a.example' }, true],
      ['https://a.example', { 'X-Forwarded-Host': 'a.example, inner', 'X-Forwarded-Proto': 'https' }, true],
      ['https://a.example:8443', { 'X-Forwarded-Host': 'a.example:8443', 'X-Forwarded-Proto': 'wss' }, true],
      ['https://inner', { 'X-Forwarded-Proto': 'https,http' }, true],
      ['http://a.example', { 'X-Forwarded-Host': 'a.example', 'X-Forwarded-Proto': 'https' }, false],
      ['https://inner', { 'X-Forwarded-Host': 'a.example' }, false],
      ['https://a.example', {}, false],
    ];
    for (const [Origin, more, isOwn] of cases) {
      const { answer } = await answerTo(t, trusting, { Host: 'inner', Origin, ...more });
      assert.equal(answer.status, isOwn ? 101 : 403, `${Origin} ${JSON.stringify(more)}`);
    }
    const forged = { Host: 'inner', Origin: 'https://a.example', 'X-Forwarded-Host': 'a.example' };
    assert.equal((await answerTo(t, server, forged)).answer.status, 403);
  });

  await t.test('answers 401 to a page of the same origin without a token', async (t) => {
    const more = { Origin: 'http://a.example', Host: 'a.example', 'Sec-WebSocket-Protocol': undefined };
    assert.equal((await answerTo(t, server, more)).answer.status, 401);
  });

  await t.test('tells the page why its handshake would be refused', async () => {
    const expired = signToken({ read: ['a'], exp: 1 });
    const cases = [[`Bearer ${token}`, 426, /only WebSocket/], [`Bearer ${expired}`, 401, /has expired/],
      [undefined, 401, /there is no token/]];
    for (const [Authorization, status, why] of cases) {
      const answer = await fetchOver(server, '/console/socket', Authorization ? { Authorization } : {});
      assert.equal(answer.status, status);
      assert.match(JSON.parse(answer.body).error, why);
    }
  });

  await t.test('counts and logs refused origins, and never the token', async () => {
    const { refused_requests_total: refused } = await server.metrics();
    assert.equal(refused.origin, strange.length + 1);
    assert.match(server.stderr, /event=origin_refused .*origin="?https:\/\/app\.example/);
    assert.ok(!server.stderr.includes(token.split('.')[2]));
  });
});

test('counts the clients of the console like all others', async (t) => {
  const server = await startServer(t,
    { ...ENABLED, TRUSTED_PROXIES: '127.0.0.1', MAX_CONNECTIONS_PER_IP: '1' });
  const how = { target: '/console/socket', fields: { Host: 'x', Origin: 'http://x', 'X-Forwarded-For': '1.2.3.4' } };
  await openWebSocket(t, server, how);
  const second = await openSocket(t, server);
  await second.send(handshake(how.fields, how.target));
  assert.equal((await second.readResponse()).status, 429);
  const asked = await fetchOver(server, '/console/socket', { 'X-Forwarded-For': '1.2.3.4' });
  assert.equal(asked.status, 429);
  const metrics = await server.metrics();
  assert.equal(metrics.refused_requests_total.too_many_of_ip, 2);
});
