// EventSource and fetch in a real browser, in a page of another origin.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { openPage, SKIP_BROWSER } from './support/browser.mjs';
import { httpPost } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';

/** Opens an EventSource in the page, which records all events in window.seen. */
function listen(page, server, path) {
  return page.evaluate((url) => new Promise((resolve, reject) => {
    window.source?.close();
    const source = (window.source = new EventSource(url));
    window.seen = [];
    source.onmessage = ({ data, lastEventId }) => window.seen.push({ data, lastEventId });
    source.addEventListener('refused', ({ data }) => window.seen.push({ refused: data }));
    source.addEventListener('recovered', ({ data }) => window.seen.push({ recovered: data }));
    source.onopen = () => resolve();
    source.onerror = () => source.readyState === EventSource.CLOSED && reject(new Error('closed'));
  }), `http://127.0.0.1:${server.port}${path}`);
}

async function untilSeen(page, count) {
  await page.waitForFunction((n) => window.seen.length >= n, count);
  return page.evaluate(() => window.seen);
}

test('EventSource', { skip: SKIP_BROWSER }, async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
  const other = await startServer(t, options); // stays up while the server of the browser is down
  const port = await freePort(); // the restarted server listens there again
  const server = await startServer(t, { ...options, LISTEN_PORT: String(port) });
  const token = signToken({ read: ['news/#'], write: ['news/#'] });
  const auth = `auth=${encodeURIComponent(token)}`;
  const publisher = await openClient(t, other, { target: `/?${auth}` });
  const page = await openPage(t);
  const texts = ['hello', 'two\nlines', 'end\r\n', 'Grüße €😀', 'data: x\n\nid: 1-1', '\0', ' '];
  const read = (text) => text.replaceAll('\r\n', '\n');

  await t.test('delivers every text unchanged', async () => {
    await listen(page, server, `/news/today?${auth}`);
    const ids = await publisher.publishAll('news/today', texts);
    assert.deepEqual(await untilSeen(page, texts.length),
      texts.map((text, i) => ({ data: read(text), lastEventId: ids[i] })));
  });

  await t.test('resumes after a restart of the server', async () => {
    await server.stop();
    const ids = await publisher.publishAll('news/today', numbered('meanwhile', 50));
    await startServer(t, { ...options, LISTEN_PORT: String(port) });
    const seen = (await untilSeen(page, texts.length + 50)).slice(texts.length);
    assert.deepEqual(seen.map(({ data }) => data), numbered('meanwhile', 50));
    assert.deepEqual(seen.map(({ lastEventId }) => lastEventId), ids);
    assert.equal(await page.evaluate(() => window.source.readyState), 1);
  });

  await t.test('reports incomplete history', async () => {
    await listen(page, other, `/news/%23?${auth}&since=-60000&limit=2&format=json`);
    const [first, ...rest] = await untilSeen(page, 3);
    assert.deepEqual(first, { recovered: '{"recovered":false}' });
    assert.deepEqual(rest.map(({ data }) => JSON.parse(data).message),
      numbered('meanwhile', 2, 48));
  });

  await t.test('makes the browser give up when it refuses a stream', async () => {
    await assert.rejects(listen(page, other, `/other?${auth}`), /closed/);
    await assert.rejects(listen(page, other, '/news/today'), /closed/);
  });

  await t.test('resumes with the id of another server that was there before', async () => {
    const before = createServer((_, answer) => {
      answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'Access-Control-Allow-Origin': '*' });
      answer.write('id: urn:uuid:9f7b4c0e-53a1-4b8a-9d6e-0c1f2a3b4c5d\ndata: from another server\n\n');
    });
    const port = await freePort();
    await new Promise((resolve) => before.listen(port, '127.0.0.1', resolve));
    await listen(page, { port }, `/news/moved?${auth}`);
    await untilSeen(page, 1);
    before.close();
    before.closeAllConnections();
    await startServer(t, { ...options, LISTEN_PORT: String(port) });
    const [first, report] = await untilSeen(page, 2);
    assert.equal(first.data, 'from another server');
    assert.deepEqual(report, { recovered: '{"recovered":false}' });
    const [id] = await publisher.publishAll('news/moved', ['from Eventhub']);
    assert.deepEqual((await untilSeen(page, 3))[2], { data: 'from Eventhub', lastEventId: id });
  });

  await t.test('comes back when it was refused for a while', async (t) => {
    const full = await startServer(t,
      { ...options, TRUSTED_PROXIES: '127.0.0.1', MAX_CONNECTIONS_PER_IP: '1' });
    const address = { 'X-Forwarded-For': '10.9.9.9' };
    const other = await openStream(t, full, `/news/full?${auth}`, address);
    await page.setExtraHTTPHeaders(address);
    await listen(page, full, `/news/full?${auth}`);
    assert.deepEqual(await untilSeen(page, 1),
      [{ refused: '{"error":"too many connections from this address","status":429}' }]);
    other.leave();
    await full.untilMetric('the page is back', (now) => now.subscriptions === 1 && now.refused_requests_total.too_many_of_ip >= 1);
    await publisher.publishAll('news/full', ['back']);
    await page.waitForFunction(() => window.seen.at(-1).data === 'back');
    await page.setExtraHTTPHeaders({});
  });

  await t.test('accepts a publish by fetch, with a preflight for the token', async () => {
    await listen(page, other, `/news/posted?${auth}`);
    const answers = await page.evaluate(async ([url, bearer]) => {
      const headers = { Authorization: bearer };
      const good = await fetch(url, { method: 'POST', body: 'by fetch', headers });
      const refused = await fetch(url, { method: 'POST', body: 'by fetch' });
      return [good.status, await good.json(), refused.status, await refused.json()];
    }, [`http://127.0.0.1:${other.port}/news/posted`, `Bearer ${token}`]);
    assert.equal(answers[0], 200);
    assert.equal(answers[1].topic, 'news/posted');
    assert.equal(answers[2], 401);
    assert.equal(typeof answers[3].error, 'string', 'the page may read the reason');
    const [message] = await untilSeen(page, 1);
    assert.deepEqual(message, { data: 'by fetch', lastEventId: answers[1].id });
    assert.equal((await httpPost(other, `/news/posted?${auth}`, 'by node')).status, 200);
    assert.equal((await untilSeen(page, 2))[1].data, 'by node');
  });

  await t.test('listens to several topics of one stream by their names', async () => {
    await listen(page, other, `/?topic=news/a&topic=news/%23&event=topic&${auth}`);
    await page.evaluate(() => {
      for (const name of ['news/a', 'news/b']) {
        window.source.addEventListener(name, ({ type, data }) => window.seen.push({ type, data }));
      }
    });
    for (const topic of ['news/b', 'news/a']) await publisher.publish(topic, `to ${topic}`);
    assert.deepEqual(await untilSeen(page, 2),
      [{ type: 'news/b', data: 'to news/b' }, { type: 'news/a', data: 'to news/a' }]);
  });
});
