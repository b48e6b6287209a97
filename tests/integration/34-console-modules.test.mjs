// The modules of the console that decide what it shows, keeps and copies. They run here without a browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { addressOf } from '../../src/console/js/address.js';
import { Hub } from '../../src/console/js/hub.js';
import { backoffMs } from '../../src/console/js/lib/backoff.js';
import { makeFilter } from '../../src/console/js/lib/filter.js';
import { idTime, isLater } from '../../src/console/js/lib/ids.js';
import { findNodes, openLines, openOuter, parseJson, reveal } from '../../src/console/js/lib/json_model.js';
import { asCurl, asTool, quote } from '../../src/console/js/lib/quote.js';
import { RateMeter } from '../../src/console/js/lib/rate.js';
import { Sampler } from '../../src/console/js/lib/sampler.js';
import { Store } from '../../src/console/js/lib/store.js';
import { View } from '../../src/console/js/lib/view.js';
import { visibleLine, visibleText } from '../../src/console/js/lib/visible.js';
import { Feed } from '../../src/console/js/messages/feed.js';
import { Subscription } from '../../src/console/js/subscription.js';

const entry = (text, more = {}) => ({ kind: 'message', id: '', topic: 'a/b', origin: '', text, ...more });

function storeOf(count, ...how) {
  const store = new Store(...how);
  for (let i = 0; i < count; i++) store.push(entry(`text ${i}`));
  return store;
}

function texts(view) {
  return Array.from({ length: view.length }, (_, i) => view.at(i).text);
}

describe('the store', () => {
  test('keeps the newest entries and their numbers', () => {
    const store = storeOf(25, 10);
    assert.deepEqual([store.first, store.end, store.length], [15, 25, 10]);
    assert.equal(store.get(15).text, 'text 15');
    assert.equal(store.get(24).text, 'text 24');
    assert.equal(store.get(14), undefined);
    assert.equal(store.get(25), undefined);
  });

  test('keeps no more characters than it may, but always the newest entry', () => {
    const store = storeOf(3, 10, 20);
    assert.deepEqual(store.length, 3);
    store.push(entry('x'.repeat(50)));
    assert.deepEqual([store.first, store.end], [3, 4]);
    store.push(entry('y'));
    assert.deepEqual([store.first, store.get(4).text], [4, 'y']);
  });

  test('gives no number twice after it was cleared', () => {
    const store = storeOf(5, 10);
    store.clear();
    store.push(entry('next'));
    assert.deepEqual([store.first, store.get(5).text], [5, 'next']);
  });
});

describe('the view', () => {
  const isOdd = ({ text }) => Number(text.slice(5)) % 2 === 1;
  const atOnce = () => false;

  test('shows everything without a filter', () => {
    const store = storeOf(4, 3);
    const view = new View(store);
    assert.deepEqual(texts(view), ['text 1', 'text 2', 'text 3']);
    assert.equal(view.dropped, 1);
    assert.equal(view.indexOf(2), 1);
  });

  test('finds what matches in slices, and then what is new', () => {
    const store = storeOf(1200);
    const view = new View(store);
    view.setFilter(isOdd);
    assert.equal(view.advance(() => true), false);
    assert.equal(view.length, 250);
    assert.equal(view.advance(atOnce), true);
    assert.equal(view.length, 600);
    store.push(entry('text 1201'));
    view.advance(atOnce);
    assert.equal(view.at(600).text, 'text 1201');
    assert.equal(view.indexOf(1200), 600);
  });

  test('loses what the store drops, and counts it', () => {
    const store = storeOf(3000, 3000);
    const view = new View(store);
    view.setFilter(isOdd);
    view.advance(atOnce);
    for (let i = 3000; i < 5600; i++) store.push(entry(`text ${i}`));
    view.advance(atOnce);
    assert.deepEqual([view.length, view.dropped, view.at(0).text], [1500, 1300, 'text 2601']);
  });

  test('stands still during a pause', () => {
    const store = storeOf(3, 5);
    const view = new View(store);
    view.pause();
    for (let i = 3; i < 7; i++) store.push(entry(`text ${i}`));
    assert.deepEqual(texts(view), ['text 2']);
    assert.equal(view.waiting, 4);
    for (let i = 7; i < 20; i++) store.push(entry(`text ${i}`));
    assert.deepEqual(texts(view), []);
    view.resume();
    assert.equal(view.length, 5);
  });
});

describe('the sampler', () => {
  /** Counts the messages, one each `everyMs`, that it admits in each of these seconds. */
  function admitted(sampler, everyMs, seconds) {
    const counts = [];
    for (let now = 0; now < seconds * 1000; now += everyMs) {
      const second = Math.floor(now / 1000);
      counts[second] = (counts[second] ?? 0) + Number(sampler.admit(now));
    }
    return counts;
  }

  test('admits everything below its rate, and a burst', () => {
    assert.deepEqual(admitted(new Sampler(1000, 3000), 1, 5), [1000, 1000, 1000, 1000, 1000]);
    const sampler = new Sampler(1000, 3000);
    for (let i = 0; i < 3000; i++) assert.equal(sampler.admit(7), true);
    assert.equal(sampler.admit(7), false);
  });

  test('admits one in five of 5000 messages a second', () => {
    const sampler = new Sampler(1000, 3000);
    const counts = admitted(sampler, 0.2, 10);
    assert.equal(sampler.stride, 5);
    assert.ok(counts.slice(2).every((count) => count >= 950 && count <= 1050), counts.join());
  });

  test('admits everything again after a flood', () => {
    const sampler = new Sampler(1000, 3000);
    admitted(sampler, 0.1, 5);
    for (let now = 20_000; now < 30_000; now += 10) assert.equal(sampler.admit(now), true);
    assert.equal(sampler.stride, 1);
  });
});

test('the rate counts the last second', () => {
  const rate = new RateMeter();
  for (let now = 0; now < 1000; now += 2) rate.add(now);
  assert.equal(rate.perSecond(999), 500);
  assert.equal(rate.perSecond(1499), 250);
  assert.equal(rate.perSecond(60_000), 0);
});

describe('the feed', () => {
  const source = () => ({ tone: 1, count: 0 });
  const message = (text, topic = 'a') => ({ id: '5-0', topic, message: text });

  test('counts all messages of a flood, keeps a sample, and marks where others are missing', () => {
    let now = 0;
    const feed = new Feed(() => now);
    const from = source();
    for (; now < 5000; now += 0.1) feed.message(message('x'), from, true);
    const kept = [];
    for (let i = feed.store.first; i < feed.store.end; i++) kept.push(feed.store.get(i));
    const missing = kept.filter(({ kind }) => kind === 'skipped')
      .reduce((sum, { text }) => sum + parseInt(text.replaceAll(',', ''), 10), 0);
    assert.equal(feed.received, from.count);
    assert.ok(feed.stride === 10 && feed.store.length < 9000, `${feed.stride}, ${feed.store.length}`);
    now += 1000;
    feed.tick();
    const last = feed.store.get(feed.store.end - 1);
    const shown = kept.filter(({ kind }) => kind === 'message').length;
    assert.equal(missing + shown + parseInt(last.text.replaceAll(',', ''), 10), feed.received);
  });

  test('keeps all of the history', () => {
    const feed = new Feed(() => 0);
    for (let i = 0; i < 20_000; i++) feed.message(message('x'), source(), false);
    assert.equal(feed.store.length, 20_000);
  });

  test('keeps what the filter matches while others flood', () => {
    let now = 0;
    const feed = new Feed(() => now);
    feed.setFilter(makeFilter({ text: 'rare', topic: '' }));
    for (let i = 0; i < 50_000; i++, now += 0.1) feed.message(message(i % 100 ? 'x' : 'rare'), source(), true);
    feed.view.advance(() => false);
    assert.equal(Array.from({ length: feed.view.length }, (_, i) => feed.view.at(i))
      .filter(({ kind }) => kind === 'message').length, 500);
  });
});

describe('the filter', () => {
  const matches = (typed, of) => makeFilter({ text: '', topic: '', ...typed })(of);

  test('finds text in any case, as it is typed', () => {
    assert.equal(makeFilter({ text: '', topic: '' }), null);
    assert.ok(matches({ text: 'GRÜSSE.*' }, entry('viele Grüsse.*')));
    assert.ok(!matches({ text: 'a.c' }, entry('abc')));
    assert.ok(matches({ text: '{"a":[1]}' }, entry('{"a":[1]}')));
    assert.ok(matches({ text: 'alice' }, entry('x', { origin: 'Alice' })));
    assert.ok(matches({ text: '15-2' }, entry('x', { id: '15-2' })));
  });

  test('finds a part of the topic, or what a pattern matches', () => {
    assert.ok(matches({ topic: 'B' }, entry('x')));
    assert.ok(matches({ topic: 'a/+' }, entry('x')));
    assert.ok(!matches({ topic: '+' }, entry('x')));
    assert.ok(!matches({ topic: 'a/#/b' }, entry('x')));
    assert.ok(!matches({ topic: 'c', text: 'x' }, entry('x')));
  });

  test('lets reports of lost messages pass', () => {
    assert.ok(matches({ text: 'nothing' }, entry('lost', { kind: 'gap' })));
  });
});

describe('commands for the shell', () => {
  const from = { base: 'http://127.0.0.1:8080/hub/', hasToken: true };
  const shell = (command) => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  // In place of the programs: they print each of their arguments, and what they read.
  const programs = 'curl() { printf "<%s>" "$@"; case "$*" in *@-*) cat;; esac; }; ' +
    'eventhubctl() { printf "<%s>" "$@"; case "$*" in *"-f -"*) cat;; esac; }; ';

  test('a word is quoted only if it must be', () => {
    assert.equal(quote('news/today'), 'news/today');
    assert.equal(quote(''), "''");
    assert.equal(quote('=ls'), "'=ls'", 'zsh puts the path of ls in place of =ls');
    assert.equal(quote("it's $HOME `x` !1"), "'it'\\''s $HOME `x` !1'");
  });

  const hostile = [
    'plain', "it's", '$(id) `id` $HOME "x" \\n \\', '!! !x', '-n', '@/etc/passwd', '%s %d %%', '<b>&amp;</b>',
    'two\nlines\n', 'tab\tand \u0007 bell', '\u001b[201~; echo hurt\n', 'zero\0byte', 'Grüße €😀 مرحبا',
    '\u202egnp.exe', 'x'.repeat(200_000), '%\\\u0001%%', "'\u0001'", '-n\tx', '--\n', '=ls',
  ];
  for (const text of hostile) {
    test(`publish ${JSON.stringify(text.slice(0, 30))} unchanged, without a byte that a terminal obeys`, () => {
      const curl = asCurl({ topic: 'a/b', text }, from);
      const tool = asTool({ topic: 'a/b', text }, from);
      assert.doesNotMatch(curl + tool, /[\u0000-\u001f\u007f-\u009f\u202e]/);
      const bearer = '<-H><Authorization: Bearer key>';
      const at = '<http://127.0.0.1:8080/hub/a/b>';
      const pub = '<pub><--url><ws://127.0.0.1:8080/hub>';
      const ways = [
        [`${bearer}<--data-raw><${text}>${at}`, `${bearer}<--data-binary><@->${at}${text}`],
        [`${pub}<--><a/b><${text}>`, `${pub}<-f><-><a/b>${text}`],
      ];
      // A command line of this length does not fit into one argument of sh -c; sh reads it instead.
      for (const [i, command] of [curl, tool].entries()) {
        const input = `EVENTHUB_TOKEN=key; ${programs}${command}\n`;
        const printed = execFileSync('sh', [], { input, encoding: 'utf8', maxBuffer: 1e7 });
        assert.ok(ways[i].includes(printed), printed.slice(0, 300));
      }
    });
  }

  test('have no argument that is longer than the system permits', () => {
    const commands = [asCurl, asTool].map((as) => as({ topic: 'a', text: '\u65e5'.repeat(45_000) }, from));
    for (const command of commands) assert.match(command, /^printf %s .* \| /);
  });

  test('never contain the token', () => {
    assert.match(asCurl({ topic: 'a', text: 'x' }, from), /Bearer \$EVENTHUB_TOKEN"/);
    assert.doesNotMatch(asCurl({ topic: 'a', text: 'x' }, { ...from, hasToken: false }), /Authorization/);
    assert.equal(shell(`printf %s ${quote('a b')}`), 'a b');
  });
});

describe('JSON', () => {
  const shown = (root) => openLines(root).map(({ node, depth, isEnd }) => (
    `${' '.repeat(depth)}${isEnd ? 'end' : `${node.key ?? ''}:${node.text ?? node.kind}`}`));

  test('keeps numbers, names and their order as they were sent', () => {
    const root = parseJson('{"b": 12345678901234567890, "a": [1.50, "x\\n\\u00e9", null, {}], "b": true}');
    assert.deepEqual(shown(root), [':object', ' b:12345678901234567890', ' a:array', '  0:1.50',
      '  1:x\né', '  2:null', '  3:object', ' end', ' b:true', 'end']);
  });

  test('is not every text', () => {
    const others = ['', 'x', '12', '"x"', '{', '{"a":1}x', '[1,]', "{'a':1}"];
    for (const text of others) assert.equal(parseJson(text), null, text);
  });

  test('closes and finds', () => {
    const root = parseJson('{"a":{"deep":["Needle","hay"]},"needles":2}');
    root.items[0].isOpen = false;
    const found = findNodes(root, (text) => /needle/i.test(text));
    assert.deepEqual(found.map((node) => node.key), [0, 'needles']);
    assert.equal(openLines(root).length, 4);
    reveal(found[0]);
    assert.equal(openLines(root).length, 9);
    assert.equal(openLines(root, 3).length, 3);
  });

  test('of any size and depth is read', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const long = JSON.stringify({ text: 'x'.repeat(1e6), list: Array.from({ length: 50_000 }, (_, i) => i) });
    for (const text of [deep, long]) {
      const root = parseJson(text);
      if (!root) continue; // deeper than the browser's own parser can go
      openOuter(root, 200);
      assert.ok(openLines(root, 500).length <= 500);
      findNodes(root, (part) => part.includes('y'));
    }
    assert.equal(parseJson(long).items[1].items.length, 50_000);
  });

  test('opens the outer levels only', () => {
    const root = parseJson(JSON.stringify({ a: { b: Array(300).fill(0) }, c: [1] }));
    openOuter(root, 50);
    assert.deepEqual([root.isOpen, root.items[0].isOpen, root.items[0].items[0].isOpen], [true, true, false]);
  });
});

test('characters without a shape become visible', () => {
  assert.equal(visibleLine('a\tb\r\nc\n'), 'a→b↵c↵');
  assert.equal(visibleLine('\u202egpj\u0000'), '\u2066\\u202e\u2069gpj\u2066\\u0000\u2069');
  assert.equal(visibleText('a\tb\r\nc\u0007'), 'a\tb\nc\u2066\\u0007\u2069');
  assert.equal(visibleLine('Grüße 👩‍👩‍👧'), 'Grüße 👩‍👩‍👧');
});

test('ids are compared as two numbers', () => {
  assert.equal(idTime('1574843571767-3'), 1574843571767);
  assert.ok(isLater('10-0', '9-5') && isLater('9-10', '9-9') && !isLater('9-9', '9-9'));
});

test('the wait before a new attempt grows to 30 seconds and is never the same for all', () => {
  assert.deepEqual([0, 1, 2, 6, 60].map((n) => backoffMs(n, 1)), [500, 1000, 2000, 30_000, 30_000]);
  assert.deepEqual([0, 60].map((n) => backoffMs(n, 0)), [250, 15_000]);
});

describe('a subscription', () => {
  const listener = { message: () => {} };

  test('continues after the last id that it has seen', () => {
    const subscription = new Subscription('a/#', { since: -60_000 }, listener);
    assert.deepEqual(subscription.params(), { topic: 'a/#', gaps: true, since: -60_000 });
    subscription.confirm({ lastEventId: '5-0' }, 5000);
    assert.deepEqual(subscription.params(), { topic: 'a/#', gaps: true, sinceEventId: '5-0' });
    subscription.take({ id: '10-0', topic: 'a' });
    subscription.take({ id: '9-0', topic: 'a' });
    subscription.take({ topic: 'a' });
    assert.equal(subscription.params().sinceEventId, '10-0');
  });

  test('knows history from live messages', () => {
    const subscription = new Subscription('a', {}, listener);
    assert.equal(subscription.isLive('6000-0'), false);
    subscription.confirm({}, 5000);
    assert.ok(subscription.isLive('5000-0') && !subscription.isLive('4999-9') && subscription.isLive(''));
  });
});

test('addresses of the server leave out the name and password in that of the page', () => {
  assert.equal(addressOf('..', 'https://user:secret@example.com/hub/console/?x#log').href, 'https://example.com/hub/');
});

describe('the connection', () => {
  const before = { WebSocket: globalThis.WebSocket, fetch: globalThis.fetch };
  let sockets;
  let answer; // of fetch
  let hub;

  /** In place of the browser's: the test plays the server. */
  class FakeSocket {
    sent = [];

    constructor(url, protocols) {
      if (protocols.some((protocol) => /[^!-~]/.test(protocol))) throw new SyntaxError('not a token');
      Object.assign(this, { url: url.href, protocols });
      sockets.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close() {}

    receive(id, result) {
      this.onmessage({ data: JSON.stringify({ id, jsonrpc: '2.0', ...result }) });
    }

    request(method) {
      return this.sent.findLast((request) => request.method === method);
    }

    end(code, reason = '') {
      return this.onclose({ code, reason });
    }
  }

  beforeEach(() => {
    sockets = [];
    answer = { status: 426, json: async () => ({}) };
    globalThis.WebSocket = FakeSocket;
    globalThis.fetch = async (url, options) => {
      if (!answer) throw new TypeError('failed');
      return Object.assign(answer, { options });
    };
    hub = new Hub(new URL('https://example.com/prefix/console/socket'));
  });

  afterEach(() => {
    hub.disconnect();
    Object.assign(globalThis, before);
  });

  /** Connects; returns the socket. */
  function open(token) {
    hub.connect(token);
    sockets.at(-1).onopen();
    return sockets.at(-1);
  }

  test('sends the token as a subprotocol and nowhere else', () => {
    hub.connect(' Bearer abc.def\n.ghi ');
    assert.deepEqual(sockets[0].protocols, ['eventhub', 'bearer.abc.def.ghi']);
    assert.equal(sockets[0].url, 'wss://example.com/prefix/console/socket');
    assert.doesNotMatch(JSON.stringify(hub), /abc/);
    hub.connect();
    assert.deepEqual(sockets[1].protocols, ['eventhub']);
    hub.connect('gr\u00fc\u00dfe');
    assert.equal(hub.state.name, 'refused');
  });

  test('says why it was refused, and does not try again', async () => {
    answer = { status: 401, json: async () => ({ error: 'the token has expired' }) };
    hub.connect('abc');
    await sockets[0].end(1006);
    assert.deepEqual(hub.state, { name: 'refused', reason: 'the token has expired', retryAt: 0, isOfToken: true });
    assert.equal(answer.options.headers.Authorization, 'Bearer abc');
    hub.retryNow();
    sockets[1].onopen();
    assert.equal(hub.state.name, 'open');
  });

  for (const [what, of, reason] of [
    ['the server does not answer', null, /does not answer/],
    ['there are too many connections', { status: 429, json: async () => ({ error: 'too many connections' }) }, /too many/],
    ['a proxy answers', { status: 502, json: async () => { throw new SyntaxError(); } }, /status 502/],
    ['the handshake fails without a reason', { status: 426, json: async () => ({}) }, /handshake/],
  ]) {
    test(`tries again when ${what}`, async () => {
      answer = of;
      hub.connect();
      await sockets[0].end(1006);
      assert.equal(hub.state.name, 'waiting');
      assert.match(hub.state.reason, reason);
      assert.ok(hub.state.retryAt > Date.now());
    });
  }

  test('asks for another token only where that may help', async () => {
    for (const [status, isOfToken] of [[400, true], [401, true], [403, false], [404, false], [431, true]]) {
      answer = { status, json: async () => null };
      hub.connect('abc');
      await sockets.at(-1).end(1006);
      assert.deepEqual([hub.state.name, hub.state.isOfToken], ['refused', isOfToken]);
      assert.equal(hub.state.reason, `the server answers with status ${status}`);
    }
  });

  test('tells an expired token from a lost connection', async () => {
    await open('abc').end(1008, 'the token has expired');
    assert.equal(hub.state.name, 'expired');
    for (const [code, reason] of [[1001, /going away/], [1006, /broke/], [1013, /too slowly/]]) {
      await open('abc').end(code);
      assert.equal(hub.state.name, 'waiting');
      assert.match(hub.state.reason, reason);
    }
  });

  test('leaves a connection that answers nothing', async () => {
    hub = new Hub(new URL('https://example.com/socket'), 20);
    open();
    assert.equal(hub.isOpen, true);
    await new Promise((resolve) => hub.addEventListener('state', resolve));
    assert.deepEqual([hub.state.name, hub.state.reason], ['waiting', 'the server does not answer']);
  });

  test('leaves a handshake that nobody answers', async () => {
    hub = new Hub(new URL('https://example.com/socket'), 20);
    hub.connect();
    assert.equal(hub.state.name, 'connecting');
    await new Promise((resolve) => hub.addEventListener('state', resolve));
    assert.deepEqual([hub.state.name, hub.state.reason], ['waiting', 'the server does not answer']);
  });

  for (const data of ['', 'hello', 'null', '7', '[]', '{}', '{"id":1}', '{"id":1,"result":7}', {}]) {
    test(`leaves a connection that sends ${JSON.stringify(data)}`, () => {
      open().onmessage({ data });
      assert.equal(hub.state.name, 'waiting');
      assert.match(hub.state.reason, /that no Eventhub sends/);
    });
  }

  test('fails calls that nobody answers any more', async () => {
    await assert.rejects(hub.call('ping'), /not connected/);
    const socket = open();
    const call = hub.call('publish', {});
    const failed = hub.call('get', {});
    const error = { code: -32602, message: 'Not allowed', data: 'the token does not permit it' };
    socket.receive(socket.request('get').id, { error });
    await assert.rejects(failed, { message: 'the token does not permit it', code: -32602 });
    socket.end(1006);
    await assert.rejects(call, /the connection ended before the answer/);
  });

  test('subscribes again after the last id, and delivers gaps', () => {
    const seen = [];
    const first = open();
    const subscription = hub.subscribe('a/#', { since: -1000 }, {
      message: ({ message }) => seen.push(message), gap: (topic) => seen.push(`gap in ${topic}`),
      confirmed: ({ recovered }) => seen.push(recovered),
    });
    const { id, params } = first.request('subscribe');
    assert.deepEqual(params, { topic: 'a/#', gaps: true, since: -1000 });
    first.receive(id, { result: { action: 'subscribe', recovered: true, lastEventId: '5-0' } });
    first.receive(id, { result: { id: '7-0', topic: 'a', message: 'one' } });
    first.receive(id, { result: { action: 'gap', topic: 'a' } });
    first.end(1001);
    assert.equal(subscription.state, 'waiting');
    hub.retryNow();
    sockets[1].onopen();
    const again = sockets[1].request('subscribe');
    assert.deepEqual(again.params, { topic: 'a/#', gaps: true, sinceEventId: '7-0' });
    sockets[1].receive(id, { result: { id: '8-0', topic: 'a', message: 'of the old request' } });
    sockets[1].receive(again.id, { result: { action: 'subscribe', recovered: false } });
    assert.deepEqual(seen, [true, 'one', 'gap in a', false]);
    hub.unsubscribe(subscription);
    assert.deepEqual(sockets[1].request('unsubscribe').params, ['a/#']);
  });

  test('measures the round trip and the clock of the server', async () => {
    const socket = open();
    assert.equal(hub.roundTripMs, null);
    const answered = new Promise((resolve) => hub.addEventListener('state', resolve));
    socket.receive(socket.request('ping').id, { result: { pong: Date.now() + 3_600_000 } });
    await answered;
    assert.ok(hub.roundTripMs !== null && hub.now() > Date.now() + 3_500_000);
  });
});
