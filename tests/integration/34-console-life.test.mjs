// The life of the console in the browser: a token that expires, a server that restarts, and the places
// where the page can be: behind ALLOWED_ORIGINS, on the internal port, under a prefix of a proxy, and at
// one of two nodes.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { test } from 'node:test';

import { startBrowser } from './support/browser.mjs';
import { defer } from './support/cleanup.mjs';
import { openConsole, SKIP_CONSOLE, startWithConsole } from './support/console.mjs';
import { httpPost } from './support/http.mjs';
import { startWithInternal } from './support/internal.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { eventually } from './support/wait.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const CLAIMS = { sub: 'alice', read: ['news/#'], write: ['news/#'] };

/** The console of a server, at its messages. */
class Life {
  constructor(opened) {
    this.page = opened.page;
    this.opened = opened;
    this.state = this.page.locator('connection-state');
    this.notice = this.page.locator('connection-notice');
    this.rows = this.page.locator('.message-text');
  }

  untilState(text) {
    return this.state.getByText(text, { exact: true }).waitFor();
  }

  untilMessage(text) {
    return this.rows.getByText(text, { exact: true }).waitFor();
  }

  async giveToken(token) {
    const dialog = this.page.getByRole('dialog');
    if (!await dialog.isVisible()) await this.state.getByRole('button').click();
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByRole('button', { name: 'Connect' }).click();
  }

  /** Asserts that the page stores nothing, and that its address does not name the token. */
  async assertKeepsSecret(token) {
    const found = await this.page.evaluate(() =>
      JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.ok(!found.includes(token.split('.')[2]), 'the token is in memory only');
  }
}

async function open(t, server, how) {
  return new Life(await openConsole(t, server, how));
}

/** A proxy that serves the server under /prefix, as nginx would. Resolves to { url, port } and the like. */
async function startPrefixProxy(t, { port }) {
  const forward = (incoming) => request({
    port, host: '127.0.0.1', method: incoming.method, path: incoming.url.replace(/^\/prefix/, ''),
    headers: incoming.headers, agent: false,
  });
  const proxy = createServer((incoming, outgoing) => {
    incoming.pipe(forward(incoming).on('response', (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    }));
  });
  proxy.on('upgrade', (incoming, near) => forward(incoming).on('upgrade', (answer, far) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    far.pipe(near).pipe(far);
  }).end());
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  defer(t, () => new Promise((resolve) => {
    proxy.close(resolve);
    proxy.closeAllConnections();
  }));
  return { port: proxy.address().port };
}

test('the life of the console', { skip: SKIP_CONSOLE }, async (t) => {
  const browser = await startBrowser(t);

  await t.test('asks for a token, keeps it in memory, and says when it has expired', async (t) => {
    const server = await startWithConsole(t, WITH_AUTH);
    const life = await open(t, server, { browser });
    life.opened.expectFaults(/WebSocket connection to|401/);
    await life.untilState('Refused');
    await life.notice.getByText('there is no token').waitFor();
    await life.opened.assertAccessible();
    await life.page.keyboard.press('Escape');
    await life.opened.subscribe('news/#', { state: 'waiting' }); // it begins with the connection, however short that is

    await eventually('a connection that ends with its token', async () => {
      await life.giveToken(signToken({ ...CLAIMS, exp: secondsFromNow(5) }));
      const end = life.state.getByText(/^(Token expired|Refused)$/); // refused: the machine took 5 seconds to connect
      return (await end.textContent()) === 'Token expired';
    });
    await life.notice.getByText('The token has expired').waitFor();
    await life.opened.assertAccessible();

    const next = signToken(CLAIMS);
    const { status } = await httpPost(server, '/news/a', 'published meanwhile', { Authorization: next });
    assert.equal(status, 200);
    await life.giveToken(next);
    await life.untilState('Connected');
    await life.assertKeepsSecret(next);
    await life.untilMessage('published meanwhile');
  });

  await t.test('says why a token is refused', async (t) => {
    const server = await startWithConsole(t, WITH_AUTH);
    const life = await open(t, server, { browser });
    life.opened.expectFaults(/WebSocket connection to|401/);
    await life.untilState('Refused');
    for (const [token, why] of [['x.y.z', 'base64url'], [signToken({ ...CLAIMS, exp: 1 }), 'has expired'],
      [signToken(CLAIMS, { secret: 'another' }), 'signature']]) {
      await life.giveToken(token);
      await life.notice.getByText(why).waitFor();
    }
  });

  await t.test('connects again when the server is back, and misses nothing', async (t) => {
    const redis = await startRedis(t);
    const LISTEN_PORT = String(await freePort());
    const options = { ...redis.options, LISTEN_PORT };
    const server = await startWithConsole(t, options);
    const other = await startWithConsole(t, redis.options);
    const life = await open(t, server, { browser });
    life.opened.expectFaults(/WebSocket connection to|net::ERR_/);
    await life.opened.subscribe('news/#');
    const publisher = await openClient(t, other);
    await publisher.publish('news/a', 'from the other node');
    await life.untilMessage('from the other node');

    await server.stop();
    await life.untilState('Disconnected');
    await life.opened.assertAccessible();
    await publisher.publish('news/a', 'published meanwhile');
    await startWithConsole(t, options);
    await life.untilState('Connected');
    await life.untilMessage('published meanwhile');
    await publisher.publish('news/a', 'live again');
    await life.untilMessage('live again');
    for (const text of ['from the other node', 'published meanwhile', 'live again'])
      assert.equal(await life.rows.getByText(text, { exact: true }).count(), 1, text);
  });

  await t.test('works where ALLOWED_ORIGINS does not name the server', async (t) => {
    const server = await startWithConsole(t, { ALLOWED_ORIGINS: 'https://app.example' });
    await (await open(t, server, { browser })).untilState('Connected');
  });

  await t.test('works on the internal port', async (t) => {
    const { server, internal } = await startWithInternal(t, { ENABLE_CONSOLE: 'true' });
    const life = await open(t, internal, { browser });
    await life.opened.subscribe('news/#');
    await (await openClient(t, server)).publish('news/a', 'hello');
    await life.untilMessage('hello');
  });

  await t.test('works under a prefix of a proxy', async (t) => {
    const server = await startWithConsole(t);
    const proxy = await startPrefixProxy(t, server);
    const life = await open(t, proxy, { browser, path: '/prefix/console' });
    assert.equal(new URL(life.page.url()).pathname, '/prefix/console/');
    await life.opened.subscribe('news/#');
    await (await openClient(t, server)).publish('news/a', 'hello');
    await life.untilMessage('hello');
  });
});
