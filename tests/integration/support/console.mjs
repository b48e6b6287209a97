// The console in a real browser. Every mistake of the page while a test uses it fails the test: a
// violation of its Content-Security-Policy, an exception, an error in the browser's log, a request
// that fails. Only a change of the machine's network is not its fault: the test loads the page again if
// that kept it from loading, and later the page helps itself.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';

import { isOfNetwork, loadWhole, SKIP_BROWSER, startBrowser } from './browser.mjs';
import { defer } from './cleanup.mjs';
import { startServer } from './server.mjs';
import { DEADLINE_MS, SANITIZED } from './wait.mjs';

/** The reason why tests of the page do not run here; false when they do. */
export const SKIP_CONSOLE =
  SKIP_BROWSER || (SANITIZED && 'the page is the same with every build of the server');

const AXE = new URL('../node_modules/axe-core/axe.min.js', import.meta.url);
const WIDTHS = [360, 768, 1440];
const HEIGHT = 900;
const SCHEMES = ['light', 'dark'];
const EXAMINED = ['light-360', 'dark-1440']; // by axe-core, which takes its time: every layout and colour

/** A server with the console. */
export function startWithConsole(t, options = {}, how = {}) {
  return startServer(t, { ENABLE_CONSOLE: 'true', ...options }, how);
}

/** The console in a page of playwright. */
export class ConsolePage {
  faults = [];
  #expected = [];
  #t;
  #base;

  /** `base` is the origin of the server. */
  constructor(t, page, base) {
    this.#t = t;
    this.#base = base;
    this.page = page;
    page.setDefaultTimeout(DEADLINE_MS);
    const note = (text) => this.faults.push(text);
    page.on('pageerror', (error) => note(`exception: ${error.stack ?? error}`));
    page.on('crash', () => note('the page crashed'));
    page.on('console', (entry) => entry.type() === 'error' && note(`log: ${entry.text()} ${entry.location().url}`));
    page.on('response', (answer) => answer.status() >= 400 && note(`${answer.status()}: ${answer.url()}`));
    page.on('requestfailed', (request) => {
      const why = request.failure().errorText;
      if (why !== 'net::ERR_ABORTED') note(`${why}: ${request.url()}`); // the page did that itself
    });
  }

  /** The test brings about faults that match the pattern. */
  expectFaults(pattern) {
    this.#expected.push(pattern);
  }

  assertNoFaults() {
    const changes = this.faults.filter(isOfNetwork);
    if (changes.length > 0) this.#t.diagnostic(`excused: ${changes.join(', ')}`);
    const isExcused = (fault) => isOfNetwork(fault) || this.#expected.some((pattern) => pattern.test(fault));
    const others = this.faults.filter((fault) => !isExcused(fault));
    assert.deepEqual(others, [], 'the page does nothing wrong');
  }

  /** Loads the page at this path until it has all of its files: without a module it would never start. */
  goto(path) {
    return loadWhole(this.#t, async () => {
      const before = this.faults.length;
      await this.page.goto('about:blank'); // from the same address, the page would not load again
      await this.page.goto(this.#base + path);
      const lost = this.faults.slice(before).find(isOfNetwork);
      if (lost === undefined) return;
      this.faults.length = before;
      throw new Error(lost);
    });
  }

  /** Subscribes with the form, and waits until the subscription has this state. */
  async subscribe(topic, { history = 'From now on', state = 'live' } = {}) {
    await this.page.getByLabel('Topic or pattern').fill(topic);
    await this.page.getByLabel('History').selectOption(history);
    await this.page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await this.page.locator(`.subscription[data-state=${state}]`, { hasText: topic }).waitFor();
  }

  /** Asserts that axe-core finds no fault in the page as it is shown now. */
  async assertAccessible() {
    const violations = await this.#inIsolation(`${readFileSync(AXE, 'utf8')};
      axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(
        ({ id, help, nodes }) => id + ': ' + help + ': ' + nodes.map((node) => node.html).join(' ')))`);
    assert.deepEqual(violations, [], 'axe-core finds nothing');
  }

  /** Runs a script in a world of its own, to which the policy of the page does not apply. */
  async #inIsolation(expression) {
    const session = await this.page.context().newCDPSession(this.page);
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId: contextId } =
      await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
    const { result, exceptionDetails } = await session.send('Runtime.evaluate',
      { expression, contextId, awaitPromise: true, returnByValue: true });
    await session.detach();
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** Calls `look` with a name such as "dark-360" for each width, in light and dark. */
  async eachLook(look) {
    for (const colorScheme of SCHEMES) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const width of WIDTHS) {
        await this.page.setViewportSize({ width, height: HEIGHT });
        await look(`${colorScheme}-${width}`);
      }
    }
  }

  /**
   * Asserts that the page is accessible in light and dark, and does not scroll sideways at any width.
   * With SCREENSHOTS=FOLDER in the environment, writes FOLDER/NAME-SCHEME-WIDTH.png as well.
   */
  async assertLooksGood(name) {
    const folder = process.env.SCREENSHOTS;
    if (folder) mkdirSync(folder, { recursive: true });
    await this.eachLook(async (look) => {
      const widths = await this.page.evaluate(() => [document.documentElement, document.querySelector('main')]
        .map(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]));
      for (const [scrolls, width] of widths) {
        assert.ok(scrolls <= width, `${name} ${look}: ${scrolls} pixels in ${width}`);
      }
      if (EXAMINED.includes(look)) await this.assertAccessible();
      if (folder) await this.page.screenshot({ path: `${folder}/${name}-${look}.png` });
    });
  }
}

/**
 * Opens the console of a server. `how`: `browser`, of an earlier startBrowser; `path` in place of
 * /console/; the rest are options of a context of playwright.
 */
export async function openConsole(t, server, { browser, path = '/console/', ...options } = {}) {
  const context = await (browser ?? await startBrowser(t)).newContext(options);
  const page = await context.newPage();
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
  const opened = new ConsolePage(t, page, `http://127.0.0.1:${server.port}`);
  defer(t, async () => {
    await context.close();
    opened.assertNoFaults();
  });
  await opened.goto(path);
  return opened;
}
