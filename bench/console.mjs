// bench/console.mjs - measures how many messages a second the console takes while it still answers
// clicks. For each rate, a page in a headless Chromium subscribes, messages are published at that rate, and the button "Pause"
// is clicked ten times a second. The browser itself measures each click, from the input to the next
// picture (Event Timing). Prints a table.
//   bench/console.mjs [--rates=1000,5000,20000] [--seconds=10] [--size=100]
// Needs build/bench (made by bench/run), Chromium and the Node modules of the integration tests.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { startBrowser } from '../tests/integration/support/browser.mjs';
import { openConsole } from '../tests/integration/support/console.mjs';
import { openClient } from '../tests/integration/support/rpc.mjs';
import { Scope } from '../tests/integration/support/scope.mjs';
import { startServer } from './programs.mjs';

const { values: options } = parseArgs({
  options: {
    rates: { type: 'string', default: '500,1000,2000,5000,10000,20000,40000' },
    seconds: { type: 'string', default: '10' },
    size: { type: 'string', default: '100' },
  },
});
const seconds = Number(options.seconds);
const CLICK_MS = 100;
const TICK_MS = 10;
const BATCH = 100; // requests, the most that the protocol permits
const GOOD_MS = 100;
const REST_MS = 1500; // a page that shows no more messages after that time gets none
const SHORTEST_MS = 16; // also in watch()

/** Publishes at the rate, as notifications, which have no answers. */
async function publish(client, rate) {
  const text = 'x'.repeat(Number(options.size));
  const from = performance.now();
  let sent = 0;
  while (performance.now() - from < seconds * 1000) {
    let due = Math.floor(((performance.now() - from) * rate) / 1000) - sent;
    for (; due > 0; due -= BATCH) {
      const n = Math.min(due, BATCH);
      client.batch(() => {
        for (let i = 0; i < n; i++, sent++) {
          client.notify('publish', { topic: `bench/${sent % 20}`, message: `{"n":${sent},"text":"${text}"}` });
        }
      });
    }
    await sleep(TICK_MS);
  }
  return { sent, perSecond: (sent * 1000) / (performance.now() - from) };
}

/** Records clicks and the time between pictures in the page. */
function watch() {
  const seen = (window.seen = { clicks: [], longest: 0, pictures: 0 });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === 'click') seen.clicks.push(entry.duration);
  }).observe({ type: 'event', durationThreshold: 16 });
  let last = performance.now();
  requestAnimationFrame(function look(now) {
    seen.longest = Math.max(seen.longest, now - last);
    seen.pictures++;
    last = now;
    requestAnimationFrame(look);
  });
}

async function received(page) {
  return Number((await page.locator('.subscription .figure').innerText()).replaceAll(',', ''));
}

async function measure(scope, server, browser, rate) {
  const viewport = { width: 1440, height: 900 };
  const opened = await openConsole(scope, server, { browser, viewport });
  const { page } = opened;
  await page.getByRole('button', { name: 'Connected' }).waitFor();
  await opened.subscribe('bench/#');
  const client = await openClient(scope, server);
  await page.evaluate(watch);
  const button = page.getByRole('button', { name: /Pause|Continue/ });
  const { x, y } = await button.boundingBox();
  const from = performance.now();
  let isDone = false;
  const done = publish(client, rate).finally(() => { isDone = true; });
  let clicks = 0;
  while (!isDone) {
    await page.mouse.click(x + 10, y + 10);
    clicks++;
    await sleep(CLICK_MS);
  }
  const took = performance.now() - from;
  const { sent, perSecond } = await done;
  const ended = performance.now();
  let count = -1;
  let changed = ended;
  while (count < sent && performance.now() - changed < REST_MS) {
    const now = await received(page);
    if (now > count) changed = performance.now();
    count = now;
    await sleep(TICK_MS);
  }
  const lateMs = changed - ended;
  const isLost = count < sent;
  const { clicks: slow, longest, pictures } = await page.evaluate(() => window.seen);
  const quick = Array(Math.max(0, clicks - slow.length)).fill(SHORTEST_MS); // the browser records no shorter ones
  const times = [...slow, ...quick].sort((a, b) => a - b);
  await page.context().close();
  client.socket.close();
  return {
    rate: Math.round(perSecond), clicks, longest, pictures: (pictures * 1000) / took,
    median: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)],
    end: isLost ? `lost ${sent - count}: too slow for the server` : `${lateMs.toFixed(0)} ms`, isLost,
  };
}

const scope = new Scope();
const server = await startServer(null, { ENABLE_CONSOLE: 'true' }, process.env.EVENTHUB_BIN);
const rows = [];
try {
  const browser = await startBrowser(scope);
  console.log('published/s  clicks  click p50  click p99  longest frame  frames/s  page behind at the end');
  for (const rate of options.rates.split(',').map(Number)) {
    const row = await measure(scope, server, browser, rate);
    rows.push(row);
    console.log([
      String(row.rate).padStart(11), String(row.clicks).padStart(6),
      `${row.median} ms`.padStart(9), `${row.p99} ms`.padStart(9),
      `${row.longest.toFixed(0)} ms`.padStart(13), row.pictures.toFixed(0).padStart(8), row.end,
    ].join('  '));
  }
  const best = Math.max(0, ...rows.filter(({ p99, isLost }) => p99 <= GOOD_MS && !isLost).map(({ rate }) => rate));
  console.log(`a click is answered within ${GOOD_MS} ms at up to ${best} messages a second`);
} finally {
  await scope.end();
  await server.stop();
}
