// JWT_COOKIE: a token in a cookie, which browsers send with the requests of every page. So it counts
// only for pages that ALLOWED_ORIGINS names.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage, SKIP_BROWSER } from './support/browser.mjs';
import { httpPost, httpRequest } from './support/http.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';
import { SANITIZED } from './support/wait.mjs';

const HOME = 'https://app.example';
const EVIL = 'https://evil.example';
const OPTIONS = {
  DISABLE_AUTH: 'false', JWT_SECRET: SECRET, JWT_COOKIE: '__Host-token', ALLOWED_ORIGINS: HOME,
};
const token = signToken({ sub: 'visitor', read: ['a/#'], write: ['a/#'] });
const expired = signToken({ read: ['a/#'], write: ['a/#'], exp: secondsFromNow(-10) });
const COOKIE = `theme=dark; __Host-token=${token}; lang=en`;
const ACCEPT = { Accept: 'text/event-stream' };
const PLAIN = { skip: SANITIZED && 'learns nothing more about memory' };

async function statusOf(t, server, head) {
  const socket = await openSocket(t, server);
  await socket.send(head);
  const { status, body } = await socket.readResponse();
  return { status, error: status === 101 ? undefined : JSON.parse(body).error };
}

test('a token in a cookie', async (t) => {
  const server = await startServer(t, OPTIONS);
  const upgrade = (fields, target) => statusOf(t, server, handshake(fields, target));
  const head = (fields) => httpRequest(server, 'HEAD', '/a/b', { ...ACCEPT, ...fields });

  await t.test('counts in a handshake, for a stream and for a POST of a listed page', async (t) => {
    const headers = { Cookie: COOKIE, Origin: HOME };
    const client = await openClient(t, server, { headers });
    const subscription = await client.subscribe('a/b');
    const { status, json } = await httpPost(server, '/a/b', 'hello', headers);
    assert.equal(status, 200, json.error);
    await subscription.untilCount(1);
    assert.equal(subscription.messages[0].origin, 'visitor');
    const stream = await head(headers);
    assert.equal(stream.status, 200);
    assert.equal(stream.headers['access-control-allow-credentials'], 'true');
  });

  await t.test('gives the rights of its token only', async () => {
    const { status } = await httpPost(server, '/b', 'x', { Cookie: COOKIE, Origin: HOME });
    assert.equal(status, 403);
  });

  const accepted = [
    ['without an origin', { Cookie: COOKIE }],
    ['in quotes', { Cookie: `__Host-token="${token}"`, Origin: HOME }],
    ['beside a header of another scheme', { Cookie: COOKIE, Origin: HOME, Authorization: 'Basic dTpw' }],
    ['beside an empty parameter, which a client without a token may send',
      { Cookie: COOKIE, Origin: HOME }, '/?auth='],
    ['beside cookies of similar names',
      { Cookie: `__host-token=x; token=y; ${COOKIE}; __Host-token2=z`, Origin: HOME }],
  ];
  for (const [name, fields, target] of accepted) {
    await t.test(`counts ${name}`, async () => {
      assert.deepEqual(await upgrade(fields, target), { status: 101, error: undefined });
    });
  }

  const refused = [
    ['an expired one', { Cookie: `__Host-token=${expired}`, Origin: HOME }, /expired/],
    ['two', { Cookie: `${COOKIE}; __Host-token=${expired}`, Origin: HOME }, /more than one cookie/],
    ['none of the name', { Cookie: `token=${token}`, Origin: HOME }, /token/],
    ['an empty one', { Cookie: '__Host-token=', Origin: HOME }, /token/],
    ['garbage', { Cookie: '__Host-token=;;=,"\t=', Origin: HOME }, /more than one|token/],
    ['a valid one beside an expired token in the header',
      { Cookie: COOKIE, Origin: HOME, Authorization: `Bearer ${expired}` }, /expired/],
    ['a valid one beside an expired subprotocol',
      { Cookie: COOKIE, Origin: HOME, 'Sec-WebSocket-Protocol': `eventhub, bearer.${expired}` }, /expired/],
    ['a valid one beside an expired token in the query',
      { Cookie: COOKIE, Origin: HOME }, /expired/, `/?auth=${expired}`],
  ];
  for (const [name, fields, why, target] of refused) {
    await t.test(`answers 401 to ${name}`, async () => {
      const { status, error } = await upgrade(fields, target);
      assert.equal(status, 401);
      assert.match(error, why);
      assert.ok(!error.includes(token));
    });
  }

  await t.test('opens nothing and publishes nothing for other pages', async (t) => {
    const cookie = { Cookie: COOKIE };
    const post = (fields) => httpPost(server, '/a/evil', 'x', { ...cookie, ...fields });
    for (const Origin of [EVIL, 'null', 'file://', `${HOME}.evil.example`]) {
      assert.equal((await upgrade({ ...cookie, Origin })).status, 403);
      assert.equal((await post({ Origin })).status, 403);
      assert.equal((await head({ ...cookie, Origin })).status, 403);
    }
    assert.equal((await post({})).status, 401, 'a browser sends Origin with every POST');
    assert.equal((await post({ 'Sec-Fetch-Site': 'same-origin' })).status, 401);
    for (const site of ['cross-site', 'same-site', 'none']) {
      assert.equal((await head({ ...cookie, 'Sec-Fetch-Site': site })).status, 401);
    }
    assert.equal((await head({ ...cookie, 'Sec-Fetch-Site': 'same-origin' })).status, 200);
    const client = await openClient(t, server, { headers: { Authorization: token } });
    assert.deepEqual((await client.call('eventlog', { topic: 'a/evil', since: -60_000 })).items, []);
  });

  await t.test('never reaches the log', () => assert.ok(!server.stderr.includes(token)));
});

test('a cookie without JWT_COOKIE', PLAIN, async (t) => {
  const server = await startServer(t, { ...OPTIONS, JWT_COOKIE: '' });
  const fields = { Cookie: `${COOKIE}; token=${token}`, Origin: HOME };
  assert.equal((await statusOf(t, server, handshake(fields))).status, 401);
});

test('JWT_COOKIE with pages that nobody named', PLAIN, async () => {
  for (const ALLOWED_ORIGINS of ['', '*', `${HOME},null`]) {
    for (const args of [[], ['--check-config']]) {
      const { code, stderr } = await runToExit({ ...OPTIONS, ALLOWED_ORIGINS }, { args });
      assert.equal(code, 1);
      assert.match(stderr, /^eventhub: JWT_COOKIE requires ALLOWED_ORIGINS to name the pages [^\n]*\n$/);
    }
  }
});

test('a cookie in a browser', { skip: SKIP_BROWSER || PLAIN.skip }, async (t) => {
  const page = await openPage(t);
  const other = await openPage(t, page); // of the same site, so its requests carry the cookie too
  const server = await startServer(t,
    { ...OPTIONS, JWT_COOKIE: 'token', ALLOWED_ORIGINS: new URL(page.url()).origin });
  const url = `http://127.0.0.1:${server.port}`;
  await page.evaluate((text) => (document.cookie = `token=${text}; SameSite=Strict`), token);
  const open = (page) => page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
  }), `ws://127.0.0.1:${server.port}/`);

  await t.test('is enough for a listed page', async () => {
    assert.equal(await open(page), 'open');
    const answer = await page.evaluate(async (url) => {
      const source = new EventSource(`${url}/a/b`, { withCredentials: true });
      const message = new Promise((resolve) => (source.onmessage = ({ data }) => resolve(data)));
      await new Promise((resolve) => (source.onopen = resolve));
      const posted = await fetch(`${url}/a/b`, { method: 'POST', body: 'hi', credentials: 'include' });
      return { status: posted.status, message: await message };
    }, url);
    assert.deepEqual(answer, { status: 200, message: 'hi' });
  });

  await t.test('gives another page of the site nothing', async (t) => {
    assert.equal(await open(other), 'refused');
    await other.evaluate(async (url) => {
      const how = { mode: 'no-cors', credentials: 'include' };
      await fetch(`${url}/a/evil`, { ...how, method: 'POST', body: 'x' });
      await (await fetch(`${url}/a/evil`, { ...how, headers: { Accept: 'text/event-stream' } })).text();
    }, url);
    const { refused_requests_total: refused } = await server.metrics();
    assert.equal(refused.origin, 2, 'the handshake and the POST');
    assert.equal(refused.unauthorized, 1, 'the stream, which comes without an origin');
    const client = await openClient(t, server, { headers: { Authorization: token } });
    assert.deepEqual((await client.call('eventlog', { topic: 'a/evil', since: -60_000 })).items, []);
  });
});
