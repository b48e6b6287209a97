// The panels Log, Keys, Presence, Live and Tokens in a browser: what a person does in each.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { openConsole, SKIP_CONSOLE, startWithConsole } from './support/console.mjs';
import { SECRET, secondsFromNow, signToken, unsignedToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { eventually } from './support/wait.mjs';

const KEPT = 220; // messages of a topic
const EVERYTHING = { sub: 'admin', read: ['#'], write: ['#'], presence: ['#'] };
const HTML = '<img src=x onerror="document.title=\'executed\'"><script>document.title="executed"</script>';

const bearer = (claims) => ({ headers: { Authorization: `Bearer ${signToken(claims)}` } });

/** Every text that the page sends or keeps, except what is shown. */
function watchLeaks(page) {
  const sent = [];
  page.on('request', (request) => sent.push(request.url(), JSON.stringify(request.headers()), request.postData() ?? ''));
  page.on('websocket', (socket) => {
    sent.push(socket.url());
    socket.on('framesent', ({ payload }) => sent.push(String(payload)));
  });
  return async () => [...sent, await page.evaluate(() => JSON.stringify([
    location.href, document.cookie, { ...localStorage }, { ...sessionStorage },
  ]))].join('\n');
}

describe('the panels of the console', { skip: SKIP_CONSOLE }, () => {
  test('do what a person wants', async (t) => {
    const server = await startWithConsole(t, {
      DISABLE_AUTH: undefined, JWT_SECRET: SECRET, MAX_CACHE_LENGTH: String(KEPT),
    });
    const client = await openClient(t, server, bearer(EVERYTHING));
    const console_ = await openConsole(t, server, { path: '/console/#tokens' });
    const { page } = console_;
    const leaks = watchLeaks(page);
    console_.expectFaults(/401|console\/socket/); // the first handshake has no token
    const panel = (name) => page.locator(`panel-${name}`);
    const show = (name) => page.getByRole('navigation', { name: 'Panels' }).getByRole('link', { name }).click();

    await t.test('a token is made, and accepted by the server', async () => {
      await page.getByRole('dialog').waitFor(); // the server wants a token
      await page.keyboard.press('Escape');
      const editor = page.locator('token-editor');
      const make = () => editor.getByRole('button', { name: 'Make token' }).click();
      const complains = async (text) => {
        await make();
        await editor.getByRole('alert').filter({ hasText: text }).waitFor();
      };
      await complains('Enter a topic or pattern that the holder may read or write');
      await editor.getByLabel('May read').fill('news/# a//');
      await complains('Correct "a//"');
      await editor.getByLabel('May read').fill('news/#, settings/+');
      await editor.getByLabel('May write').fill('#');
      await editor.getByLabel('May administer').fill('log all');
      await complains('Correct "all": it must be clients, publish, log or tokens');
      await editor.getByLabel('May administer').fill('log tokens');
      await editor.getByLabel('May publish at most').fill('chat/#=2/1m');
      await complains('Enter a holder');
      await editor.getByLabel('Holder').fill('alice');
      await editor.getByLabel('Expires in').fill('soon');
      await complains('Enter a time such as 15m');
      await editor.getByLabel('Expires in').fill('2h');
      await complains('Enter the secret');
      await editor.getByLabel('Secret', { exact: true }).fill(SECRET);
      await editor.getByLabel('Algorithm').selectOption('HS256');
      await make();

      const inspector = page.locator('token-inspector');
      await inspector.getByText('A server with this secret accepts this token.').waitFor();
      const facts = (await inspector.locator('dl').innerText()).replace(/\n+/g, ' ');
      assert.match(facts, /Holder alice Expires in (2 hours|1 hour 59 minutes) \(.*May read news\/# settings\/\+ May write # May see presence nothing May administer log tokens May publish 2 messages in 1 minute to chat\/#/);
      await inspector.getByLabel('Try a topic').fill('news/today');
      await inspector.getByText('With news/today the token permits: read, write.').waitFor();
      await inspector.getByRole('button', { name: 'Use this token' }).click();
      await page.getByText('Connected', { exact: true }).waitFor();
      assert.ok(!(await leaks()).includes(SECRET), 'the secret does not leave the page');
    });

    await t.test('a token that is pasted says what is wrong with it', async () => {
      const inspector = page.locator('token-inspector');
      const says = async (token, text) => {
        await inspector.getByLabel('Token').fill(token);
        await inspector.getByText(text).waitFor();
      };
      await says('abc', 'This is not a token: the token must have three parts');
      await says(signToken(EVERYTHING, { secret: 'another' }), 'The signature is wrong');
      await says(signToken({ ...EVERYTHING, exp: secondsFromNow(-3700) }), 'the token has expired');
      await inspector.getByText(/1 hour 1 minute ago/).waitFor();
      await says(signToken({ read: ['a b'] }), 'the token grants no rights');
      await says(unsignedToken(EVERYTHING), 'it does not support the algorithm none');
      await says(signToken(EVERYTHING, { header: { alg: 'RS256' } }), 'RS256 does not use a secret');
      await inspector.getByRole('textbox', { name: 'Secret to verify with' }).fill('');
      await says(`Bearer ${signToken({ ...EVERYTHING, more: HTML })}`, 'The signature was not checked');
      await inspector.getByText('<img src=x onerror=').waitFor();
      assert.equal(await page.title(), 'Tokens · Eventhub console');
    });

    await t.test('the log is read page by page', async () => {
      const ids = await client.publishAll('news/a', Array.from({ length: 240 }, (_, i) => `text ${i}`));
      await client.publish('news/b', HTML);
      await client.publish('news/b', '{"deep":{"number":12345678901234567890}}');
      await show('Log');
      const log = panel('log');
      const rows = log.locator('tbody tr');
      const read = () => log.getByRole('button', { name: 'Read' }).click();
      const first = (text) => rows.first().filter({ hasText: text }).waitFor();

      await log.getByLabel('Topic or pattern').fill('news/#');
      await log.getByLabel('Begin at').selectOption('the newest 100');
      await read();
      await first('12345678901234567890');
      assert.equal(await rows.count(), 100);
      await rows.first().locator('summary').click();
      await rows.first().getByText('number').last().waitFor();
      assert.equal(await rows.nth(1).locator('.log-message').innerText(), HTML);

      await log.getByLabel('Begin at').selectOption('a time…'); // suggests 10 minutes ago
      await read();
      await log.getByText('Messages are missing before the first one').waitFor();
      await first('text 20');
      await log.getByLabel('Begin at').selectOption('an id…');
      await log.getByLabel('After the id').fill(ids[100]);
      await read();
      await first('text 101');
      assert.equal(await log.getByText('Messages are missing').isVisible(), false);
      await log.getByRole('button', { name: 'Next page' }).click();
      await first('text 201');
      await log.getByText('Page 2: 41 messages').waitFor();
      await log.getByRole('button', { name: 'Look for newer messages' }).click();
      await log.getByText('There are no newer messages yet.').waitFor();
      await client.publish('news/b', 'the newest of all');
      await log.getByRole('button', { name: 'Look for newer messages' }).click();
      await first('the newest of all');
      await log.getByRole('button', { name: 'Previous page' }).click();
      await first('text 201');
      await log.getByLabel('After the id').fill(ids[0]);
      await read();
      await log.getByText('Messages are missing before the first one').waitFor();
      await first('text 20');
      assert.equal(await page.title(), 'Log · Eventhub console');

      await log.getByLabel('Topic or pattern').fill('secret/#');
      await read();
      await log.getByText('The log cannot be read: the token does not permit reading').waitFor();
      assert.equal(await rows.first().isVisible(), false);
      await log.getByLabel('Topic or pattern').fill('news/b');
      await log.getByLabel('Begin at').selectOption('the beginning');
      await read();
      await log.getByText('Page 1: 3 messages').waitFor();
      await log.locator('summary').click();
    });

    await t.test('keys are set, read and deleted', async () => {
      await show('Keys');
      const keys = panel('keys');
      const result = (text) => keys.locator('.notice').filter({ hasText: text }).waitFor();
      const press = (name) => keys.locator('form').getByRole('button', { name, exact: true }).click();
      await keys.getByLabel('Key', { exact: true }).fill('settings/theme');
      await press('Get');
      await result('No key "settings/theme"');
      await keys.getByLabel('Value').fill('{"theme":"dark"}');
      await keys.getByLabel('Time to live').fill('1h30m');
      await press('Set');
      await result('Set to 16 bytes. It expires in 1 hour 30 minutes.');
      await keys.getByLabel('Value').fill('');
      await press('Get');
      await result('Read 16 bytes.');
      assert.equal(await keys.getByLabel('Value').inputValue(), '{"theme":"dark"}');
      await client.call('set', { key: 'settings/lines', value: 'one\r\ntwo' });
      await keys.getByLabel('Key', { exact: true }).fill('settings/lines');
      await press('Get');
      await result('Read 8 bytes. The field ends its lines with LF only');
      await keys.getByLabel('Key', { exact: true }).fill('settings/theme');
      await keys.getByLabel('Time to live').fill('half a second');
      await press('Set');
      assert.match(await keys.getByLabel('Time to live').evaluate((input) => input.validationMessage), /Enter whole seconds/);
      await press('Delete');
      await result('Deleted.');
      await press('Delete');
      await result('There is no such key.');
      assert.equal(await keys.locator('tbody tr').count(), 6);
      await assert.rejects(client.call('get', { key: 'settings/theme' }), /no key/);
    });

    await t.test('presence is counted, with names if the token permits seeing them', async () => {
      await client.subscribe('news/today');
      await show('Presence');
      const presence = panel('presence');
      const count = async (topic, expected) => {
        await presence.getByLabel('Topic or pattern').fill(topic);
        await presence.getByRole('button', { name: 'Count' }).click();
        await presence.getByText(expected).waitFor();
      };
      await count('news/today', 'client would receive a message published to news/today');
      assert.equal(await presence.locator('.presence-count').innerText(), '1');
      await presence.getByText('The token does not permit seeing who they are').waitFor();
      await count('news/+', 'clients subscribed to exactly this pattern: news/+');
      assert.equal(await presence.locator('.presence-count').innerText(), '0');

      await show('Tokens');
      await page.locator('token-inspector').getByLabel('Token').fill(signToken(EVERYTHING));
      await page.locator('token-inspector').getByRole('button', { name: 'Use this token' }).click();
      await show('Presence');
      await eventually('the connection with the other token', async () => {
        await count('news/today', 'client would receive');
        return presence.getByRole('listitem').filter({ hasText: 'admin' }).isVisible();
      });
    });

    await t.test('every panel is accessible and fits', async () => {
      assert.match(await leaks(), /metrics\?format=json/, 'figures are collected before somebody looks at them');
      await show('Live');
      await panel('live').getByText('embedded broker').waitFor();
      await panel('live').getByText('As a table').first().click();
      for (const name of ['Tokens', 'Log', 'Keys', 'Presence', 'Live']) {
        await show(name);
        await console_.assertLooksGood(name.toLowerCase());
      }
    });
  });

  test('charts have the rates of the server and break where nothing is known; tokens need a secure page', async (t) => {
    const server = await startWithConsole(t);
    const client = await openClient(t, server);
    const console_ = await openConsole(t, server, { path: '/console/#live' });
    const { page } = console_;
    const live = page.locator('panel-live');
    const chart = (title) => live.locator('line-chart').filter({ hasText: title });
    const lineOf = (title) => chart(title).locator('path').first().getAttribute('d');
    const running = live.locator('dt', { hasText: 'Running for' }).locator('+ dd');
    /** Lets two seconds pass, after which the page scrapes, until it shows the figures. */
    const scrape = async () => {
      const before = await running.innerText();
      await page.clock.runFor(2000);
      await eventually('the figures of the scrape', async () => (await running.innerText()) !== before);
    };

    await page.clock.install({ time: Date.now() });
    await console_.goto('/console/#live');
    await live.getByText('embedded broker').waitFor();
    await page.clock.pauseAt(Date.now() + 60_000); // from now on, time passes when the test lets it
    await running.filter({ hasText: 'minute' }).waitFor(); // no scrape is under way
    await scrape();
    await client.subscribe('a');
    await client.publishAll('a', Array(100).fill('x'));
    await server.untilMetric('the deliveries', ({ deliveries_total: count }) => count === 100);
    await scrape();
    const figures = await chart('Messages per second').locator('figcaption').innerText();
    const [, out] = /out\s*([\d.]+)\s+in\s*[\d.]+/.exec(figures);
    assert.equal(out, '50', '100 messages in 2 seconds');
    await scrape();
    assert.match(await lineOf('Messages per second'), /^M[^M]+L[^M]+$/, 'one line');
    assert.match(await chart('Delivery latency').getByRole('img').getAttribute('aria-label'), /^Delivery latency in the last 2 minutes. p50: now not known, at most [\d.]+ ms/);

    await chart('Messages per second').getByText('As a table').click();
    const row = chart('Messages per second').getByRole('row').nth(1);
    assert.match(await row.innerText(), /^\d\d:\d\d\s+\d+/);

    console_.expectFaults(/metrics/);
    await page.route('**/metrics*', (route) => route.abort('connectionrefused'));
    await page.clock.runFor(2000);
    await live.getByText(/No figures since .*: the server does not answer/).waitFor();
    await page.unroute('**/metrics*');
    await page.route('**/metrics*', (route) => route.fulfill({ json: {} }));
    await page.clock.runFor(2000);
    await live.getByText(/No figures since .*: the answer is not that of an Eventhub/).waitFor();
    await page.unroute('**/metrics*');
    await scrape();
    await scrape();
    await scrape();
    assert.equal(await live.getByText('No figures since').isVisible(), false);
    assert.match(await lineOf('Messages per second'), /^M[^M]+L[^M]+M[^M]+L[^M]+$/, 'two lines with a break between them');

    await page.addInitScript(() => Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined }));
    await console_.goto('/console/#tokens');
    await page.getByText('The browser signs and verifies only on pages that it loads over https or from localhost').waitFor();
    assert.equal(await page.locator('token-editor').isVisible(), false);
    const inspector = page.locator('token-inspector');
    await inspector.getByLabel('Token').fill(signToken(EVERYTHING));
    await inspector.getByText('The signature was not checked').waitFor();
  });
});
