// The messages of the console, as a person uses them in a browser: subscribing, reading, filtering,
// publishing, and what the page says when something is wrong.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { startBrowser } from './support/browser.mjs';
import { openConsole, SKIP_CONSOLE, startWithConsole } from './support/console.mjs';
import { CTL } from './support/ctl.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { eventually, within } from './support/wait.mjs';

/** Samples of messages that people might publish: who, where and what. */
const SAMPLES = [
  ['editor', 'news/today', 'The library opens again on Monday at nine'],
  ['editor', 'news/sport', '{"home":"Bremen","away":"Mainz","score":[2,1],"minute":78,"live":true}'],
  ['shop', 'orders/4711/created', '{"order":4711,"items":[{"sku":"A-12","count":2}],"total":48.9}'],
  ['shop', 'orders/4711/paid', '{"order":4711,"method":"card"}'],
  ['editor', 'news/today', 'مرحبا بالعالم'],
  ['shop', 'orders/4712/created', '{"order":4712,"customer":{"name":"A. Lovelace","since":"2021-03-14",' +
    '"vip":true},"items":[{"sku":"B-3","count":1}],"total":1250.00,"currency":"EUR"}'],
  ['warehouse', 'orders/4711/packed', '{"order":4711,"box":"M","grams":820}'],
  ['editor', 'news/weather', 'Rain until noon, then sunny; 14 °C'],
  ['shop', 'orders/4712/paid', '{"order":4712,"method":"invoice"}'],
  ['warehouse', 'orders/4711/shipped', '{"order":4711,"carrier":"DHL","eta":"2026-12-02"}'],
];

/** The parts of the panel, by what a person or a screen reader calls them. */
class Messages {
  constructor({ page }) {
    this.page = page;
    this.rows = page.getByRole('option').filter({ visible: true });
    this.list = page.getByRole('listbox', { name: 'Messages' });
    this.detail = page.locator('message-detail');
    this.summary = page.locator('.summary');
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  async connected() {
    await this.button('Connected').waitFor();
  }

  subscription(topic, state) {
    return this.page.locator(`.subscription[data-state="${state}"]`).filter({ hasText: topic });
  }

  async untilReceived(count) {
    await this.summary.filter({ hasText: `${count.toLocaleString('en')} received` }).waitFor();
  }

  /** The texts of the rows in sight, from the top. */
  texts() {
    return this.list.evaluate((list) => {
      const { top, bottom } = list.getBoundingClientRect();
      const inSight = [...list.querySelectorAll('[role=option]:not([hidden])')].filter((row) => {
        const box = row.getBoundingClientRect();
        return box.bottom > top + 1 && box.top < bottom - 1;
      });
      return inSight.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map((row) => row.querySelector('.message-text').textContent);
    });
  }

  untilTexts(what, isRight) {
    return eventually(what, async () => isRight(await this.texts()));
  }

  async publish(topic, text, { ttl = '', key = '' } = {}) {
    await this.page.locator('[name=topic]').fill(topic);
    await this.page.locator('[name=message]').fill(text);
    await this.page.locator('[name=ttl]').fill(ttl);
    await this.page.locator('[name=key]').fill(key);
    await this.page.locator('[name=key]').press('Enter');
  }
}

test('the messages of the console', { skip: SKIP_CONSOLE }, async (t) => {
  const server = await startWithConsole(t, { MAX_CACHE_LENGTH: '20000' });
  const browser = await startBrowser(t);
  const publisher = await openClient(t, server);

  /** A page of its own, connected without a token. */
  async function open(t, options = {}) {
    const opened = await openConsole(t, server, { browser, ...options });
    const messages = new Messages(opened);
    await messages.connected();
    return { opened, page: opened.page, messages };
  }

  await t.test('arrive from several subscriptions, and can be filtered, paused and cleared', async (t) => {
    const { opened, page, messages } = await open(t);
    await opened.assertAccessible();
    await opened.subscribe('news/#');
    await opened.subscribe('sensors/+/heat');
    const id = await publisher.publish('news/today', 'The library opens');
    await publisher.publish('sensors/attic/heat', '{"celsius":18.25}');
    await publisher.publish('other', 'not for us');
    await publisher.publish('news/sport', 'Bremen wins');
    await messages.untilReceived(3);
    assert.deepEqual(await messages.texts(), ['The library opens', '{"celsius":18.25}', 'Bremen wins']);
    const row = new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}news/today${id}The library opens$`);
    assert.match(await messages.rows.first().textContent(), row);

    await page.getByLabel('Filter by text').fill('LIBRARY');
    await messages.untilTexts('one matches', (texts) => texts.join() === 'The library opens');
    await page.getByLabel('Filter by text').fill('');
    await page.getByLabel('Filter by topic').fill('sensors/#');
    await messages.untilTexts('one is of the topic', (texts) => texts.join() === '{"celsius":18.25}');
    await page.getByLabel('Filter by topic').fill('nothing');
    await page.getByText('Nothing matches the filter').waitFor();
    await page.getByLabel('Filter by topic').fill('');

    await messages.button('Pause').click();
    await publisher.publish('news/today', 'while paused');
    await messages.summary.filter({ hasText: '1 since the pause' }).waitFor();
    assert.equal((await messages.texts()).length, 3);
    await messages.button('Continue').click();
    await messages.untilTexts('it continues', (texts) => texts.at(-1) === 'while paused');

    await messages.button('Unsubscribe from news/#').click();
    await publisher.publish('news/today', 'nobody listens');
    await publisher.publish('sensors/attic/heat', '19');
    await messages.untilTexts('only the other arrives', (texts) => texts.at(-1) === '19');
    await messages.button('Clear').click();
    await page.getByText('No messages yet').waitFor();
    await messages.untilReceived(0);
  });

  await t.test('can be read in full, searched and copied', async (t) => {
    const { opened, page, messages } = await open(t, { permissions: ['clipboard-read', 'clipboard-write'] });
    const copies = async (name, expected) => {
      await messages.button(name).click();
      await eventually(`${name}: ${expected}`,
        async () => await page.evaluate(() => navigator.clipboard.readText()) === expected);
    };
    const text = `{"id":12345678901234567890,"who":"it's me","list":[1,{"deep":"needle"}]}`;
    await publisher.publish('read/json', text);
    await opened.subscribe('read/#', { history: 'Last minute' });
    await messages.rows.filter({ hasText: "it's me" }).click();
    assert.match(await messages.detail.innerText(), /12345678901234567890/);
    await page.getByLabel('Find in this message').fill('NEEDLE');
    await page.getByText('1 of 1').waitFor();
    assert.equal(await messages.detail.locator('mark').textContent(), 'deep: "needle"');
    await page.getByRole('button', { name: 'list: 2 items' }).click();
    assert.equal(await messages.detail.locator('mark').count(), 0);
    await copies('Copy as text', text);
    const word = text.replace("'", "'\\''");
    const { origin } = new URL(page.url());
    await copies('Copy as curl', `curl --data-raw '${word}' ${origin}/read/json`);
    await copies('Copy as eventhubctl',
      `eventhubctl pub --url ${origin.replace('http', 'ws')} -- read/json '${word}'`);
    await opened.assertAccessible();

    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
    const copied = page.evaluate(() => new Promise((resolve) => {
      new MutationObserver(() => document.activeElement.textContent === 'Copied' && resolve()) // without losing its place
        .observe(document.body, { subtree: true, childList: true });
    }));
    await messages.button('Copy as curl').click();
    await within(copied, 'the button says so');

    await messages.button('Edit and publish').click();
    assert.equal(await page.locator('[name=message]').inputValue(), text);
    assert.equal(await page.locator('[name=topic]').inputValue(), 'read/json');
  });

  await t.test('are published again by the commands that are copied, byte by byte', async (t) => {
    const { page } = await open(t);
    const texts = ["it's $HOME `id`", '--', '@/etc/passwd', 'two\nlines\n', '-n\n', 'zero\0byte', '\u202e%d\\',
      '\u65e5'.repeat(45_000), 'x'.repeat(200_000)];
    const commands = await page.evaluate(async (of) => {
      const { asCurl, asTool } = await import('./js/lib/quote.js');
      const from = { base: new URL('..', document.baseURI).href, hasToken: false };
      return of.flatMap((text) => [asCurl, asTool].map((as) => as({ topic: 'again/a', text }, from)));
    }, texts);
    const again = await publisher.subscribe('again/#');
    for (const command of commands) {
      const input = `curl() { command curl -sS "$@"; }\neventhubctl() { '${CTL}' "$@"; }\n${command}\n`;
      execFileSync('sh', ['-e'], { input });
    }
    await again.untilCount(commands.length);
    assert.deepEqual(again.messages.map(({ message }) => message), texts.flatMap((text) => [text, text]));
  });

  await t.test('are published with a key and a time to live', async (t) => {
    const { opened, page, messages } = await open(t);
    await opened.subscribe('out/#');
    await messages.publish('out/a', 'once', { ttl: '1m', key: 'k1' });
    await messages.publish('out/a', 'once', { ttl: '1m', key: 'k1' });
    const answers = page.getByRole('list', { name: 'Answers' }).getByRole('listitem');
    await answers.nth(1).waitFor();
    const ids = (await answers.allTextContents()).map((answer) => /Published: (\d+-\d+) in/.exec(answer)?.[1]);
    assert.equal(ids[0], ids[1]);
    await messages.untilReceived(1);
    assert.equal(await page.locator('[name=topic]').getAttribute('placeholder'), 'out/hello');
    await messages.publish('out/a', 'never', { ttl: 'soon' });
    assert.match(await page.locator('[name=ttl]').evaluate((input) => input.validationMessage), /Enter whole seconds/);
    await opened.subscribe('out/+');
    await messages.publish('out/a', 'for both');
    await messages.untilReceived(3);
    await messages.publish('out/#', 'to a pattern');
    await answers.first().filter({ hasText: 'Publish failed' }).waitFor();
    await page.getByRole('status').filter({ hasText: 'Publish failed' }).waitFor({ state: 'attached' });
  });

  await t.test('are used with the keyboard alone', async (t) => {
    const { page, messages } = await open(t);
    await publisher.publishAll('keyboard/a', numbered('line', 50));
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the panel');
    await page.getByLabel('Topic or pattern').focus();
    await page.keyboard.type('bad topic');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'A topic has levels' }).waitFor();
    await page.getByLabel('Topic or pattern').fill('keyboard/#');
    await page.getByLabel('History').selectOption('Everything kept');
    await page.getByLabel('Topic or pattern').press('Enter');
    await messages.untilReceived(50);
    await messages.untilTexts('it shows the end', (texts) => texts.at(-1) === 'line 49');
    await messages.list.focus();
    await page.keyboard.press('Home');
    const active = async () => {
      const id = await messages.list.getAttribute('aria-activedescendant');
      return page.locator(`[id="${id}"][aria-selected=true]`).textContent();
    };
    assert.match(await active(), /line 0$/);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.match(await messages.detail.innerText(), /line 1$/);
    await messages.list.focus();
    await page.keyboard.press('ArrowDown');
    assert.match(await messages.detail.innerText(), /line 2$/);
    await page.keyboard.press('Escape');
    assert.equal(await messages.detail.isVisible(), false);
    await page.keyboard.press('End');
    assert.match(await active(), /line 49$/);
    assert.equal(await messages.list.evaluate((list) => list === document.activeElement), true);
  });

  await t.test('are shown by the ten thousand', async (t) => {
    const { opened, page, messages } = await open(t);
    await publisher.publishAll('many/a', numbered('message', 10_000), { window: 1000 });
    await opened.subscribe('many/#', { history: 'Everything kept' });
    await messages.untilReceived(10_000);
    await messages.untilTexts('it shows the end', (texts) => texts.at(-1) === 'message 9999');
    assert.ok(await page.getByRole('option').count() < 100);
    const [head, cell] = await Promise.all([page.locator('.message-head'), messages.rows.first()]
      .map(async (row) => (await row.locator('.message-text').boundingBox()).x));
    assert.equal(head, cell);
    await messages.list.evaluate((list) => { list.scrollTop = list.scrollHeight / 2; });
    await messages.untilTexts('it shows the middle', (texts) => /^message (49|50)\d\d$/.test(texts[5]));
    const before = await messages.texts();
    await publisher.publish('many/a', 'one more');
    await messages.untilReceived(10_001);
    assert.deepEqual(await messages.texts(), before);
    await messages.button('Newest').click();
    await messages.untilTexts('it follows', (texts) => texts.at(-1) === 'one more');
    await page.getByLabel('Filter by text').fill('message 77');
    await messages.summary.filter({ hasText: '111 match the filter' }).waitFor();
  });

  await t.test('do not freeze the page when they flood it', async (t) => {
    const { opened, page, messages } = await open(t);
    await opened.subscribe('flood/#');
    const flood = publisher.publishAll('flood/a', numbered('message', 8000), { window: 2000 });
    await page.getByLabel('Filter by text').fill('nothing');
    await messages.button('Clear').click();
    await page.getByLabel('Filter by text').fill('');
    await flood;
    await publisher.publish('flood/a', 'the end');
    await page.locator('.subscription').filter({ hasText: '8,001' }).waitFor();
  });

  await t.test('cannot hurt the page', async (t) => {
    const { opened, page, messages } = await open(t);
    await opened.subscribe('hostile/#');
    const texts = [
      '<img src=x onerror="window.hurt=1">', '<script>window.hurt=2</script>', '</span><b>bold</b><iframe src="/">',
      'javascript:window.hurt=3', '{"__proto__":{"hurt":4},"constructor":"<b>x</b>","<i>":["</div>"]}',
      '\u202egnp.exe \u2066x', 'a\u0000b\u0007\u001b[31mred\u009b', 'مرحبا بالعالم',
      'line\n'.repeat(500), 'x'.repeat(1_000_000), `"${'<b>'.repeat(300_000)}"`,
      JSON.stringify({ long: 'y '.repeat(400_000), list: Array(20_000).fill({ z: 1 }) }),
      '['.repeat(1500) + ']'.repeat(1500), 'Z̸̡̛'.repeat(2000), '👩‍👩‍👧'.repeat(1000), '\ud83d', ' ',
    ];
    for (const text of texts) await publisher.publish('hostile/a', text);
    await messages.untilReceived(texts.length);
    for (let i = 0; i < texts.length; i++) {
      await messages.list.focus();
      await page.keyboard.press(i === 0 ? 'Home' : 'ArrowDown');
      await page.keyboard.press('Enter');
      await messages.detail.getByRole('button', { name: 'Copy as text' }).waitFor();
      const { wide, room } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth, room: document.documentElement.clientWidth,
      }));
      assert.ok(wide <= room, `message ${i}: ${wide} pixels in ${room}`);
    }
    const made = await page.evaluate(() => [
      window.hurt, {}.hurt, document.querySelectorAll('main :is(img, script, iframe, b, i)').length, document.title,
    ]);
    assert.deepEqual(made, [undefined, undefined, 0, 'Messages · Eventhub console']);
    const shown = await page.locator('.message-text').allTextContents();
    assert.doesNotMatch(shown.join(''), /[\u0000\u0007\u001b\u009b\u202e]/);
    await opened.eachLook(async (look) => {
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, look);
    });
    await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    await eventually('the rows grow with the text', async () => (await messages.rows.first().boundingBox()).height > 50);
  });
});

test('the messages of the console with tokens', { skip: SKIP_CONSOLE }, async (t) => {
  const server = await startWithConsole(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const opened = await openConsole(t, server);
  opened.expectFaults(/WebSocket connection to .* failed|401/);
  const { page } = opened;
  const messages = new Messages(opened);
  const rights = { sub: 'alice', read: ['news/#'], write: ['news/#'] };
  const enter = async (token) => {
    await page.getByLabel('Token').fill(token);
    await messages.button('Connect').click();
  };

  await t.test('a token that is no token is refused by the page', async () => {
    await page.getByRole('dialog').getByText('there is no token').waitFor();
    await opened.assertAccessible();
    await enter('not a token\u0007');
    await page.getByText('contains a character that no token has').waitFor();
  });

  await t.test('topics that the token does not permit are refused until another token permits them', async () => {
    await messages.button('Use another token').click();
    await enter(`Bearer ${signToken(rights)}\n`);
    await messages.connected();
    await opened.subscribe('news/#');
    await page.getByLabel('Topic or pattern').fill('secret');
    await page.getByLabel('Topic or pattern').press('Enter');
    await messages.subscription('the token does not permit reading it', 'refused').waitFor();
    await messages.publish('news/a', 'from the console');
    await messages.untilReceived(1);
    assert.match(await messages.rows.first().textContent(), /alice/);
    await messages.button('Connected').click();
    await page.getByRole('dialog').getByText('as alice').waitFor();
    await enter(signToken({ ...rights, read: ['#'] }));
    await messages.subscription('secret', 'live').waitFor();
  });

  await t.test('look good', async (t) => {
    await messages.button('Unsubscribe from secret').click();
    await messages.button('Clear').click();
    await opened.subscribe('orders/#');
    const all = ['news/#', 'orders/#'];
    for (const sub of new Set(SAMPLES.map(([who]) => who))) {
      const token = signToken({ sub, read: all, write: all });
      const client = await openClient(t, server, { target: `/?auth=${token}` });
      for (const [who, topic, text] of SAMPLES) if (who === sub) await client.publish(topic, text);
    }
    await messages.untilReceived(SAMPLES.length);
    await opened.assertLooksGood('messages');
    await messages.rows.filter({ hasText: 'Lovelace' }).click();
    const boxes = await Promise.all(['message-detail', '.messages-side'].map((part) => page.locator(part).boundingBox()));
    assert.ok(boxes[0].height >= boxes[1].height / 2, JSON.stringify(boxes));
    await opened.assertLooksGood('messages-detail');
  });
});

test('the console says that messages are missing when the log is gone', { skip: SKIP_CONSOLE }, async (t) => {
  const options = { LISTEN_PORT: String(await freePort()), SHUTDOWN_TIMEOUT: '1' };
  const server = await startWithConsole(t, options);
  const opened = await openConsole(t, server);
  opened.expectFaults(/WebSocket connection to .* failed|net::ERR/);
  const messages = new Messages(opened);
  await messages.connected();
  await opened.subscribe('shop/#');
  await (await openClient(t, server)).publish('shop/a', 'before');
  await messages.untilReceived(1);
  await server.stop();
  await opened.page.getByText('Trying again').waitFor();
  await startWithConsole(t, options);
  await messages.rows.filter({ hasText: 'History incomplete' }).waitFor();
});
