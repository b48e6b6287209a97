// A real Chromium, headless, with a page from its own origin: CORS decides what it may read from the
// server.

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

import { defer } from './cleanup.mjs';
import { DEADLINE_MS } from './wait.mjs';

const EXECUTABLE = '/usr/bin/chromium';
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** The reason why tests in a browser cannot run here; false when they can. */
export const SKIP_BROWSER = existsSync(EXECUTABLE) ? false : `no ${EXECUTABLE}`;

/** Starts a server with one empty page; resolves to its port. */
async function servePage(t) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<!doctype html><title>test</title>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(t, () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections?.();
  }));
  return server.address().port;
}

const CHANGED = 'net::ERR_NETWORK_CHANGED';
const MOST_LOADS = 10;

/**
 * Reports whether a fault is the machine's: when one of its addresses changes, such as that of a
 * container beside the tests, Chromium fails every request that waits for a connection.
 */
export function isOfNetwork(fault) {
  return fault.includes(CHANGED);
}

/** Does `load`, which loads a page, and does it again if the network changed meanwhile. */
export async function loadWhole(t, load) {
  for (let loads = 1; ; loads++) {
    try {
      return await load();
    } catch (error) {
      if (!isOfNetwork(error.message) || loads === MOST_LOADS) throw error;
      t.diagnostic(`loading the page again: ${error.message}`);
    }
  }
}

/** A browser (of playwright), which is closed when the test is over. */
export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
  defer(t, () => browser.close());
  return browser;
}

/**
 * A page (of playwright) loaded from an origin that differs from that of any server and any other page.
 * It shares the cookies of the page `beside`, if that is given; hosts have cookies, ports have not.
 */
export async function openPage(t, beside = undefined) {
  const port = await servePage(t);
  const context = beside?.context() ?? await (await startBrowser(t)).newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await loadWhole(t, () => page.goto(`http://127.0.0.1:${port}/`));
  return page;
}
