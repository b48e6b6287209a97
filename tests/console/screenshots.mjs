#!/usr/bin/env node
// Makes the pictures of the console in docs/images, by hand, after a change that shows in them:
//   tests/console/screenshots.mjs                       with build/dev/eventhub, or EVENTHUB_BIN
//   tests/console/screenshots.mjs /tmp/pictures         into another folder
// It needs Chromium and the modules of the tests in tests/integration. The messages and their rate are made
// up, and the time of the Live panel passes as fast as the page scrapes; everything else is real.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { openConsole, startWithConsole } from '../integration/support/console.mjs';
import { SECRET, signToken } from '../integration/support/jwt.mjs';
import { openClient } from '../integration/support/rpc.mjs';
import { Scope } from '../integration/support/scope.mjs';
import { eventually } from '../integration/support/wait.mjs';

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../../docs/images', import.meta.url));
const HEIGHTS = { 1440: 900, 768: 900, 360: 740 };
const SCRAPES = 440; // of two seconds: almost 15 minutes
const READERS = 4; // of the other clients, who receive what is published
const PAUSE = [250, 262]; // scrapes to which the server does not answer

const CLAIMS = { sub: 'shop', read: ['#'], write: ['#'], presence: ['#'] };
const CITIES = ['Oslo', 'Bergen', 'Tromsø', 'Lisbon', 'Porto', 'Kyoto', 'Nairobi'];
const TEXTS = [
  ['orders/new', (i) => JSON.stringify({ order: 48210 + i, items: 1 + (i % 3), total: 19.9 + i, city: CITIES[i % 7] })],
  ['chat/lobby', (i) => ['Good morning!', 'Is the demo still at ten?', 'Yes, in room 4.', 'مرحبا بالجميع'][(i >> 2) % 4]],
  ['sensors/hall-2/temperature', (i) => (21 + (i % 9) / 10).toFixed(1)],
  ['orders/paid', (i) => JSON.stringify({ order: 48150 + i, method: i % 12 ? 'card' : 'invoice' })],
];

const scope = new Scope();
const server = await startWithConsole(scope, { DISABLE_AUTH: undefined, JWT_SECRET: SECRET });
const bearer = { headers: { Authorization: `Bearer ${signToken(CLAIMS)}` } };
const client = await openClient(scope, server, bearer);

async function picture({ page }, name, width, scheme) {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
  await page.setViewportSize({ width, height: HEIGHTS[width] });
  await page.screenshot({ path: `${FOLDER}/console-${name}-${width}-${scheme}.png` });
  console.log(`console-${name}-${width}-${scheme}.png`);
}

/** A console that is connected with a token, at the panel of this name, perhaps with a clock of ours. */
async function consoleAt(name, { isClockOurs = false } = {}) {
  const opened = await openConsole(scope, server, { path: '/console/' });
  opened.expectFaults(/./); // the first handshake has no token, and scrapes fail in the pause
  const { page } = opened;
  if (isClockOurs) {
    await page.clock.install({ time: Date.now() });
    await opened.goto('/console/');
  }
  await page.getByRole('dialog').getByLabel('Token').fill(signToken(CLAIMS));
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('Connected', { exact: true }).waitFor();
  await page.getByRole('navigation', { name: 'Panels' }).getByRole('link', { name }).click();
  return opened;
}

async function publishSome(from, to) {
  for (let i = from; i < to; i++) {
    const [topic, text] = TEXTS[i % TEXTS.length];
    await client.publish(topic, text(i));
  }
}

async function messages() {
  const opened = await consoleAt('Messages');
  const { page } = opened;
  for (const topic of ['orders/#', 'chat/+', 'sensors/#']) await opened.subscribe(topic);
  await publishSome(0, 40);
  await page.getByText('40 received').waitFor();
  await picture(opened, 'messages', 1440, 'light');
  await picture(opened, 'messages', 360, 'dark');
  await page.close();
}

async function log() {
  const opened = await consoleAt('Log');
  const panel = opened.page.locator('panel-log');
  await panel.getByLabel('Topic or pattern').fill('orders/#');
  await panel.getByRole('button', { name: 'Read' }).click();
  await panel.locator('summary').first().click();
  await picture(opened, 'log', 768, 'light');
  await opened.page.close();
}

/** The number of messages to publish before a scrape: a wave, with a peak. */
function messagesBefore(scrape) {
  const peak = 160 * Math.exp(-(((scrape - 330) / 18) ** 2));
  return Math.round(70 + 30 * Math.sin(scrape / 24) + 12 * Math.sin(scrape / 5) + peak);
}

async function live() {
  const opened = await consoleAt('Live', { isClockOurs: true });
  const { page } = opened;
  const panel = page.locator('panel-live');
  const running = panel.locator('dt', { hasText: 'Running for' }).locator('+ dd');
  const readers = [];
  let { deliveries_total: deliveries } = await server.metrics();
  await panel.getByText('embedded broker').waitFor();
  await page.clock.pauseAt(Date.now() + 60_000);
  for (let i = 0; i < SCRAPES; i++) {
    if (i % 20 === 0 && i < 200) {
      readers.push(await openClient(scope, server, bearer));
      if (readers.length <= READERS) await readers.at(-1).subscribe('load/#');
    }
    if (i === PAUSE[0]) await page.route('**/metrics*', (route) => route.abort());
    if (i === PAUSE[1]) await page.unroute('**/metrics*');
    const count = messagesBefore(i);
    deliveries += count * Math.min(readers.length, READERS);
    await client.publishAll('load/x', Array(count).fill('x'));
    await server.untilMetric('the deliveries', ({ deliveries_total: now }) => now >= deliveries);
    const before = await running.innerText();
    await page.clock.runFor(2000);
    if (i < PAUSE[0] || i >= PAUSE[1]) {
      await eventually('the figures of the scrape', async () => (await running.innerText()) !== before);
    }
  }
  await picture(opened, 'live', 1440, 'dark');
  await picture(opened, 'live', 360, 'light');
}

async function tokens() {
  const opened = await consoleAt('Tokens');
  const editor = opened.page.locator('token-editor');
  await editor.getByLabel('Holder').fill('alice');
  await editor.getByLabel('May read').fill('news/#');
  await editor.getByLabel('May write').fill('chat/+');
  await editor.getByLabel('May publish at most').fill('chat/#=10/1s');
  await editor.getByLabel('Secret', { exact: true }).fill(SECRET);
  await editor.getByRole('button', { name: 'Make token' }).click();
  await opened.page.getByLabel('Try a topic or pattern').fill('news/today');
  await picture(opened, 'tokens', 1440, 'light');
}

mkdirSync(FOLDER, { recursive: true });
try {
  await messages();
  await log();
  await live();
  await tokens();
} finally {
  await scope.end();
}
