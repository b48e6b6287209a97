// The modules of the console that neither draw nor talk to the server: tokens, topics, durations, the
// figures of the Live panel and the geometry of its charts.

import assert from 'node:assert/strict';
import { createHmac, webcrypto } from 'node:crypto';
import { describe, test } from 'node:test';

import {
  clockTime, durationWords, fraction, parseDuration, parseTtl, timeOfDay, whenWords,
} from '../../src/console/js/lib/duration.js';
import { bytes, milliseconds, number, short } from '../../src/console/js/lib/figures.js';
import { largest, lineOf, nearest, niceTop, scale, timeSpan } from '../../src/console/js/lib/geometry.js';
import {
  decodeBase64url, encodeBase64url, entriesOf, isSupported, parseRules, readToken, signToken, tokenFault, usesSecret,
  verifyToken,
} from '../../src/console/js/lib/jwt.js';
import { BEGINNING, LogPages, positionBefore } from '../../src/console/js/lib/log_pages.js';
import { quantileBetween } from '../../src/console/js/lib/quantile.js';
import { brokerState, pointBetween } from '../../src/console/js/lib/rates.js';
import { refusalRows, refusalWords } from '../../src/console/js/lib/refusals.js';
import { Scraper } from '../../src/console/js/lib/scraper.js';
import { perMinute, Series, WINDOW_MS } from '../../src/console/js/lib/series.js';
import { rightsTo, tokenFacts } from '../../src/console/js/lib/token_words.js';
import { covers, exampleOf, isTopic, isTopicOrPattern } from '../../src/console/js/lib/topic.js';
import { signToken as signAsBackend, unsignedToken } from './support/jwt.mjs';

const { subtle } = webcrypto;
const NOW = Date.UTC(2026, 10, 30, 12);
const NOW_S = NOW / 1000;

describe('topics', () => {
  const cases = [
    ['a', true, true], ['a/b_c/D-1', true, true], ['a//b', true, true], ['', false, false],
    ['/a', false, false], ['a/', false, false], ['a b', false, false], ['a/+', false, true],
    ['#', false, true], ['a/#', false, true], ['#/a', false, false], ['a/b#', false, false],
    ['x'.repeat(256), true, true], ['x'.repeat(257), false, false],
  ];
  for (const [text, topic, pattern] of cases) {
    test(`"${text.slice(0, 20)}" of ${text.length}`, () => {
      assert.equal(isTopic(text), topic);
      assert.equal(isTopicOrPattern(text), pattern);
    });
  }

  const wide = [
    ['a/#', 'a', true], ['a/#', 'a/b/c', true], ['a/#', 'a/+', true], ['a/#', 'a/#', true],
    ['a/+', 'a/#', false], ['a/+', 'a/b', true], ['a/+', 'a/b/c', false], ['#', '#', true],
    ['+/#', '#', true], ['a//+/#', 'a//#', true], ['a/+/#', 'a/#', false], ['a', 'a/#', false],
    ['a/b', 'a/+', false], ['a/+/c', 'a/b/c', true],
  ];
  for (const [pattern, narrow, expected] of wide) {
    test(`${pattern} ${expected ? 'covers' : 'does not cover'} ${narrow}`, () => {
      assert.equal(covers(pattern, narrow), expected);
    });
  }

  test('an example of each pattern', () => {
    const examples = { 'a/b': 'a/b', 'demo/#': 'demo/hello', '#': 'demo/hello', '+': 'hello', 'a/+/c': 'a/hello/c' };
    for (const [pattern, topic] of Object.entries(examples)) {
      assert.equal(exampleOf(pattern), topic);
      assert.ok(isTopic(topic) && covers(pattern, topic));
    }
  });
});

describe('durations', () => {
  test('in words', () => {
    assert.equal(durationWords(0), 'less than a second');
    assert.equal(durationWords(1000), '1 second');
    assert.equal(durationWords(3_599_000), '59 minutes 59 seconds');
    assert.equal(durationWords(3_600_000), '1 hour');
    assert.equal(durationWords(90_061_000), '1 day 1 hour');
    assert.equal(durationWords(-7_265_000), '2 hours 1 minute');
  });

  test('seen from now', () => {
    assert.equal(whenWords(NOW + 3_600_000, NOW), 'in 1 hour');
    assert.equal(whenWords(NOW - 61_000, NOW), '1 minute 1 second ago');
    assert.equal(whenWords(NOW + 500, NOW), 'now');
  });

  test('as people type them', () => {
    const lives = { '': 0, ' ': 0, '90s': 90, '1.5m': 90, '365d': 31_536_000, '366d': null, '250ms': null, '90': null };
    for (const [text, seconds] of Object.entries(lives)) assert.equal(parseTtl(text), seconds, text);
    assert.equal(parseDuration('90s'), 90_000);
    assert.equal(parseDuration(' 1h30m '), 5_400_000);
    assert.equal(parseDuration('250ms'), 250);
    assert.equal(parseDuration('1.5h'), 5_400_000);
    for (const text of ['', '10', 'h', '1h 30m', '-5m', '5x', '1h30', '9e9d']) {
      assert.equal(parseDuration(text), null, text);
    }
  });

  test('a time of this zone, and one beyond the calendar', () => {
    assert.match(clockTime(NOW), /^2026-1[12]-\d\d \d\d:\d\d:\d\d$/);
    assert.equal(timeOfDay(NOW), clockTime(NOW).slice(11));
    assert.equal(fraction(NOW + 42), '.042');
    assert.equal(clockTime(9e18), 'beyond the calendar');
  });
});

describe('base64url', () => {
  test('bytes come back', () => {
    for (const n of [0, 1, 2, 3, 255]) {
      const sent = Uint8Array.from({ length: n }, (_, i) => i * 7);
      assert.deepEqual(decodeBase64url(encodeBase64url(sent)), sent);
    }
  });

  test('another spelling is refused', () => {
    for (const text of ['A', 'AB', 'AA==', 'A+', 'A/', 'AA A', 'ä']) {
      assert.equal(decodeBase64url(text), null, text);
    }
  });
});

describe('tokens', () => {
  const claims = { sub: 'alice', read: ['news/#'], write: ['chat/+'], exp: NOW_S + 60 };
  const secret = 'a secret with ümläuts';

  for (const [alg, hash] of Object.entries({ HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' })) {
    test(`${alg} is signed as a backend signs it`, async () => {
      const token = await signToken(subtle, { claims, alg, secret });
      const [header, payload, signature] = token.split('.');
      const expected = createHmac(hash, secret).update(`${header}.${payload}`).digest('base64url');
      assert.equal(signature, expected);
      assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64url')), claims);
      const read = readToken(token);
      assert.deepEqual(read.header, { alg, typ: 'JWT' });
      assert.equal(await verifyToken(subtle, read, secret), true);
      assert.equal(await verifyToken(subtle, read, `${secret}x`), false);
    });
  }

  test('a changed claim no longer verifies', async () => {
    const [header, , signature] = signAsBackend(claims, { secret }).split('.');
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    assert.equal(await verifyToken(subtle, readToken(`${header}.${forged}.${signature}`), secret), false);
  });

  test('a text that is not a token says why', () => {
    const part = (value) => Buffer.from(value).toString('base64url');
    const cases = [
      ['', /there is no token/], ['a.b', /three parts/], ['a.b.c.d', /three parts/],
      ['!.e30.x', /header must be base64url/], [`${part('[]')}.e30.`, /header is not a JSON object/],
      [`e30.${part('null')}.`, /payload is not a JSON object/],
      [`e30.${part('{"a":')}.`, /payload is not a JSON object/],
      [`e30.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.`, /payload is not a JSON object/],
      ['e30.e30.A', /signature must be base64url/], [`e30.${'A'.repeat(70000)}.`, /longer than 65536/],
    ];
    for (const [text, why] of cases) assert.match(readToken(text).fault, why, text.slice(0, 40));
  });

  test('faults of claims have the words of the server', () => {
    const faults = [
      [{ exp: 'soon' }, 'the claim exp must be a number of seconds since the epoch'],
      [{ exp: NOW_S }, 'the token has expired: the claim exp is in the past'],
      [{ nbf: NOW_S + 1 }, 'the token is not valid yet: the claim nbf is in the future'],
      [{ sub: 7 }, 'the claim sub must be a string'],
      [{ sub: 'ä'.repeat(129) }, 'the claim sub is longer than 256 bytes'],
      [{ write: 'a' }, 'the claim write must be an array'],
      [{ rlimit: {} }, 'the claim rlimit must be an array'],
      [{ rlimit: [{ topic: 'a', interval: 0, max: 1 }] },
        'the interval of a rule of the claim rlimit must be an integer from 1 to 31536000'],
      [{ rlimit: Array(65).fill({ topic: 'a', interval: 1, max: 1 }) },
        'the claim rlimit must not have more than 64 rules'],
      [{ read: [' '], write: [] },
        'the claims read and write have no valid topic or pattern: the token grants no rights'],
    ];
    for (const [changed, fault] of faults) {
      assert.equal(tokenFault({ header: {}, claims: { ...claims, ...changed } }, NOW), fault);
    }
    assert.equal(tokenFault({ header: { typ: 'at+JWT' }, claims }, NOW), null);
    assert.match(tokenFault({ header: { typ: 'JOSE' }, claims }, NOW), /typ must be/);
    assert.match(tokenFault({ header: { crit: [] }, claims }, NOW), /crit/);
  });

  test('a token without a signature is read, and has an algorithm that cannot be verified', () => {
    const { header, signature } = readToken(unsignedToken(claims));
    assert.equal(isSupported(header.alg), false);
    assert.equal(signature.length, 0);
  });

  test('algorithms that a server may accept', () => {
    for (const alg of ['HS256', 'HS512', 'RS256', 'PS384', 'ES512', 'EdDSA']) assert.ok(isSupported(alg), alg);
    for (const alg of ['none', 'HS1', 'toString', 'ES256K', undefined, 7]) assert.ok(!isSupported(alg), String(alg));
  });

  test('entries that the server ignores are told apart', () => {
    assert.deepEqual(entriesOf(['a/#', 'a b', 7]), { valid: ['a/#'], ignored: ['a b', 7] });
    assert.deepEqual(entriesOf(undefined), { valid: [], ignored: [] });
  });

  test('rules as eventhubctl takes them', () => {
    assert.deepEqual(parseRules(['chat/#=10/1s', ' a = 0 / 1h '], parseDuration), {
      rules: [{ topic: 'chat/#', interval: 1, max: 10 }, { topic: 'a', interval: 3600, max: 0 }],
    });
    assert.match(parseRules(['chat'], parseDuration).fault, /"chat" must look like/);
    assert.match(parseRules(['a/=1/1s'], parseDuration).fault, /topic of a rule/);
    assert.match(parseRules(['a=1/500ms'], parseDuration).fault, /interval of a rule/);
    assert.match(parseRules(['a=1/soon'], parseDuration).fault, /interval of a rule/);
  });
});

describe('a token in words', () => {
  const facts = (claims, header = { alg: 'HS256' }) => Object.fromEntries(tokenFacts({ header, claims }, NOW));

  test('says who may do what, until when', () => {
    const said = facts({ sub: 'alice', read: ['news/#', 'a b'], exp: NOW_S + 3600, iat: NOW_S });
    assert.equal(said.Holder[0], 'alice');
    assert.match(said.Expires[0], /^in 1 hour \(2026-/);
    assert.match(said.Made[0], /^now /);
    assert.deepEqual([said['May read'], said['May write'], said.Ignored], [['news/#'], ['nothing'], ['"a b"']]);
  });

  test('says what is unusual', () => {
    const said = facts({ exp: NOW_S - 60, role: 'x', rlimit: [{ topic: '#', interval: 60, max: 0 }] }, { alg: 'RS256', kid: 'k1' });
    assert.match(said.Expired[0], /^1 minute ago/);
    assert.deepEqual(said.Holder, ['none']);
    assert.deepEqual(said['May publish'], ['no message to #', 'not applied, because the token has no holder (sub)']);
    assert.deepEqual([said.Algorithm, said.Key, said['Other claims']], [['RS256'], ['k1'], ['role: "x"']]);
    assert.deepEqual(facts({}).Expires, ['never']);
    assert.deepEqual(facts({ exp: 'soon', read: 7 }).Expires, ['not a date']);
  });

  test('says the rights over the whole server, and the name of the token', () => {
    const said = facts({ jti: 't-1', admin: ['log', 'all', 7, 'tokens'] });
    assert.deepEqual([said['Token id'], said['May administer']], [['t-1'], ['log', 'tokens']]);
    assert.deepEqual([said.Ignored, said['Other claims']], [['"all"', '7'], undefined]);
    assert.deepEqual(facts({ admin: [] })['May administer'], ['nothing']);
    assert.deepEqual(facts({ admin: true }).Ignored, ['admin: true']);
  });

  test('says anything of a token of any shape', () => {
    const odd = { toString: 1, valueOf: 1, toJSON: 1 }; // String(odd) throws
    const text = JSON.stringify(odd);
    const claims = { sub: odd, exp: odd, nbf: odd, iat: odd, read: odd, write: [odd], presence: odd, rlimit: [odd, null, 7], aud: odd };
    const said = facts(claims, { alg: odd, kid: odd });
    assert.deepEqual([said.Holder, said.Expires, said.Algorithm, said.Key], [[text], ['not a date'], [text], [text]]);
    assert.deepEqual(said['May publish'], [text, 'null', '7']);
    assert.deepEqual(facts({}, {}).Algorithm, ['none']);
    for (const alg of [odd, ['HS256'], undefined]) assert.equal(isSupported(alg) || usesSecret(alg), false);
    for (const typ of [odd, ['JWT']]) assert.match(tokenFault({ header: { typ }, claims }, NOW), /typ must be/);
  });

  test('says what it permits with a topic', () => {
    const claims = { read: ['a/#'], write: ['a/+'], presence: [] };
    assert.deepEqual(rightsTo('a/b', claims), ['read', 'write']);
    assert.deepEqual(rightsTo('a/#', claims), ['read']);
    assert.deepEqual(rightsTo('b', {}), []);
  });
});

describe('pages of the log', () => {
  /** A log of n messages with the ids 1000-0 and so on, which has lost those before `held`. */
  function logOf(n, held = 0) {
    const ms = (id) => Number(id.split('-')[0]);
    return async (method, { topic, sinceEventId, limit }) => {
      const all = Array.from({ length: n - held }, (_, i) => ({ id: `${1000 + held + i}-0`, topic }));
      const after = all.filter(({ id }) => ms(id) > ms(sinceEventId));
      return { items: after.slice(0, limit), more: after.length > limit, recovered: ms(sinceEventId) >= 999 + held };
    };
  }
  const open = (call, position = positionBefore(1000)) => new LogPages(call, { topic: 'a', position, limit: 10 });

  test('follow each other, forwards and back', async () => {
    const pages = open(logOf(25));
    assert.equal(await pages.read(), true);
    assert.deepEqual([pages.number, pages.items[0].id, pages.hasMore], [1, '1000-0', true]);
    await pages.next();
    await pages.next();
    assert.deepEqual([pages.number, pages.items[0].id, pages.hasMore], [3, '1020-0', false]);
    assert.equal(await pages.next(), false);
    assert.deepEqual([pages.number, pages.items.length], [3, 5]);
    await pages.previous();
    assert.deepEqual([pages.number, pages.items[0].id], [2, '1010-0']);
  });

  test('tell what the log has lost, but not at the beginning', async () => {
    const lost = open(logOf(25, 5));
    await lost.read();
    assert.equal(lost.isComplete, false);
    await lost.next();
    assert.equal(lost.isComplete, true);
    const beginning = open(logOf(25, 5), BEGINNING);
    await beginning.read();
    assert.deepEqual([beginning.isComplete, beginning.items[0].id], [true, '1005-0']);
  });

  test('a log without messages', async () => {
    const pages = open(logOf(0));
    assert.equal(await pages.read(), false);
    assert.equal(await pages.next(), false);
    assert.deepEqual([pages.number, pages.items], [1, []]);
  });

  test('the position before a time includes all of its messages', () => {
    assert.equal(positionBefore(1000.7), '999-18446744073709551615');
    assert.equal(positionBefore(-5), '0-18446744073709551615');
  });
});

describe('refusals', () => {
  test('by reason, recent ones first', () => {
    const points = [{ refusedReasons: [['origin', 1]] }, { isBreak: true }, { refusedReasons: [['origin', 2]] }];
    assert.deepEqual(refusalRows(points, { unauthorized: 9, origin: 4, bad_http: 0 }), [
      { reason: 'origin', recent: 3, total: 4 }, { reason: 'unauthorized', recent: 0, total: 9 },
    ]);
    assert.equal(refusalWords('unauthorized'), 'the token is missing or not valid');
    assert.equal(refusalWords('something_new'), 'something new');
  });
});

describe('quantiles', () => {
  const none = { 0.001: 0, 0.002: 0, '+Inf': 0 };

  test('are spread evenly within a bucket', () => {
    assert.equal(quantileBetween(0.5, none, { 0.001: 0, 0.002: 10, '+Inf': 10 }), 0.0015);
    assert.equal(quantileBetween(0.5, none, { 0.001: 10, 0.002: 10, '+Inf': 10 }), 0.0005);
  });

  test('count only what was observed between the scrapes', () => {
    const before = { 0.001: 1000, 0.002: 1000, '+Inf': 1000 };
    assert.equal(quantileBetween(1, before, { 0.001: 1000, 0.002: 1001, '+Inf': 1001 }), 0.002);
    assert.equal(quantileBetween(0.99, before, before), null);
  });

  test('beyond the last bound, the bound', () => {
    assert.equal(quantileBetween(0.99, none, { 0.001: 0, 0.002: 0, '+Inf': 5 }), 0.002);
  });

  test('of sizes, whose bounds JSON gives in another order', () => {
    assert.equal(quantileBetween(1, {}, JSON.parse('{"+Inf":4,"16":4,"2":0,"4":4}')), 4);
  });
});

/** A scrape `s` seconds after NOW, with counters that have grown to `n`. */
function scrape(s, n, changed = {}) {
  const counter = Object.fromEntries([
    'websocket_messages_received_total', 'deliveries_total', 'received_bytes_total', 'sent_bytes_total',
  ].map((name) => [name, n]));
  const histogram = { count: n, sum: n, buckets: { 0.001: n, '+Inf': n } };
  return {
    at: NOW + s * 1000,
    metrics: {
      ...counter,
      process_start_time_seconds: 1000,
      current_connections_count: 3,
      delivery_duration_seconds: histogram,
      broker_request_duration_seconds: histogram,
      refused_requests_total: { unauthorized: n, origin: 5 },
      broker_connected: 1,
      redis_master_info: { address: '' },
      ...changed,
    },
  };
}

describe('rates', () => {
  test('are differences of two scrapes by the time between them', () => {
    const point = pointBetween(scrape(0, 100), scrape(4, 300));
    assert.equal(point.messagesIn, 50);
    assert.equal(point.messagesOut, 50);
    assert.equal(point.connections, 3);
    assert.equal(point.refused, 50);
    assert.deepEqual(point.refusedReasons, [['unauthorized', 200]]);
    assert.deepEqual(point.delivery, { p50: 0.5, p99: 0.99 });
    assert.equal(point.why, null);
  });

  test('are not known for the first scrape', () => {
    const point = pointBetween(null, scrape(0, 100));
    assert.equal(point.messagesIn, null);
    assert.equal(point.connections, 3);
    assert.equal(point.why, 'first');
  });

  test('are never negative: a restarted server begins anew', () => {
    const again = scrape(2, 500, { process_start_time_seconds: 2000 });
    assert.equal(pointBetween(scrape(0, 100), again).why, 'restarted');
    assert.equal(pointBetween(scrape(0, 100), scrape(2, 99)).messagesIn, null);
  });

  test('are not known across a time when the page was suspended, or the clock was set', () => {
    assert.equal(pointBetween(scrape(0, 1), scrape(3600, 2)).why, 'late');
    assert.equal(pointBetween(scrape(5, 1), scrape(5, 2)).why, 'late');
    assert.equal(pointBetween(scrape(0, 1), scrape(60, 2)).why, null);
  });

  test('the broker has a name and a state', () => {
    const of = (metrics) => brokerState({ metrics });
    const redis = { redis_master_info: { address: '10.0.0.1:6379' } };
    assert.deepEqual(of(scrape(0, 1).metrics), { name: 'embedded broker', isConnected: true });
    assert.deepEqual(of({ ...redis, broker_connected: 0 }), {
      name: 'Redis at 10.0.0.1:6379', isConnected: false,
    });
    assert.deepEqual(of({ broker_connected: 0 }), { name: 'no Redis', isConnected: false });
  });
});

describe('the series of 15 minutes', () => {
  test('forgets what is older', () => {
    const series = new Series();
    for (let s = 0; s <= 1000; s += 2) series.push({ at: NOW + s * 1000 });
    assert.equal(series.points[0].at, NOW + 1_000_000 - WINDOW_MS);
    assert.equal(series.points.at(-1).at, NOW + 1_000_000);
  });

  test('has one break for a pause, and none before the first point', () => {
    const series = new Series();
    series.breakAt(NOW);
    assert.equal(series.points.length, 0);
    series.push({ at: NOW });
    series.breakAt(NOW + 1000);
    series.breakAt(NOW + 2000);
    series.push({ at: NOW + 3000 });
    assert.deepEqual(series.points.map(({ isBreak = false }) => isBreak), [false, true, false]);
  });

  test('is bounded also when the clock stands still, and begins anew when it is set back', () => {
    const series = new Series();
    for (let i = 0; i < 5000; i++) series.push({ at: NOW });
    assert.equal(series.points.length, 2000);
    series.push({ at: NOW - 3_600_000 });
    assert.equal(series.points.length, 1);
  });

  test('has a mean for each minute, newest first', () => {
    const points = [
      { at: NOW, a: 1 }, { at: NOW + 1000, a: 3 }, { at: NOW + 2000, a: null },
      { at: NOW + 3000, isBreak: true }, { at: NOW + 60_000, a: null },
    ];
    assert.deepEqual(perMinute(points, ['a']), [
      { at: NOW + 60_000, values: [null] }, { at: NOW, values: [2] },
    ]);
  });
});

describe('scrapes', () => {
  /** A scraper whose answers are these scrapes, or errors after that many seconds. */
  async function scraped(answers) {
    let now = 0;
    const left = [...answers];
    const scraper = new Scraper(async () => {
      const answer = left.shift();
      now = answer.at ?? now + 5000;
      if (answer instanceof Error) throw answer;
      return answer.metrics;
    }, () => now);
    for (let i = 0; i < answers.length; i++) await scraper.take();
    return scraper;
  }
  const kinds = ({ series }) => series.points.map(({ isBreak, messagesIn }) => isBreak ? 'break' : messagesIn);

  test('a pause of the server is a break, and the rates begin anew after it', async () => {
    const scraper = await scraped([
      scrape(0, 0), scrape(2, 20), new Error('no answer'), new Error('no answer'), scrape(30, 40),
      scrape(32, 42),
    ]);
    assert.deepEqual(kinds(scraper), [null, 10, 'break', null, 1]);
    assert.equal(scraper.failure, null);
  });

  test('a restart is a break even when no scrape failed', async () => {
    const scraper = await scraped([
      scrape(0, 100), scrape(2, 120), scrape(4, 3, { process_start_time_seconds: 2000 }),
      scrape(6, 5, { process_start_time_seconds: 2000 }),
    ]);
    assert.deepEqual(kinds(scraper), [null, 10, 'break', null, 1]);
  });

  test('a failure says since when', async () => {
    const scraper = await scraped([scrape(0, 0), new Error('no answer'), new Error('gone')]);
    assert.deepEqual(scraper.failure, { why: 'gone', since: NOW + 5000 });
    assert.equal(scraper.scrape.at, NOW);
  });
});

describe('charts', () => {
  test('a scale ends at a round number', () => {
    assert.deepEqual([0, 0.03, 0.21, 1, 7, 23, 101, 4e6].map(niceTop), [1, 0.04, 0.4, 1, 8, 40, 200, 4e6]);
  });

  test('the shortest span that shows everything', () => {
    assert.deepEqual(timeSpan(NOW, NOW), { ms: 120_000, ticks: [2, 1, 0] });
    assert.deepEqual(timeSpan(NOW - 121_000, NOW), { ms: 360_000, ticks: [6, 4, 2, 0] });
    assert.deepEqual(timeSpan(NOW - 3_600_000, NOW), { ms: 900_000, ticks: [15, 10, 5, 0] });
  });

  test('a line breaks where nothing is known, and a point alone is a dot', () => {
    const x = scale(0, 10, 0, 100);
    const y = scale(0, 1, 50, 0);
    const line = (values) => lineOf(values.map((value, at) => ({ at, value })), x, y);
    assert.deepEqual(line([0, 1, null, 0.5, null, 1, 1]), { path: 'M0 50L10 0M50 0L60 0', dots: [[30, 25]] });
    assert.deepEqual(line([1]), { path: '', dots: [[0, 0]] });
    assert.deepEqual(line([null, null]), { path: '', dots: [] });
  });

  test('the largest value, and the nearest point', () => {
    const points = [{ at: 0, value: 3 }, { at: 10, value: null }, { at: 20, value: 7 }];
    assert.equal(largest(points), 7);
    assert.equal(largest([]), 0);
    assert.equal(nearest(points, 16).at, 20);
    assert.equal(nearest([], 16), null);
  });
});

describe('figures', () => {
  test('have the digits that matter, and a unit that fits', () => {
    assert.deepEqual([null, 0, 0.034, 12.34, 1204.4].map(number), ['–', '0', '0.03', '12.3', '1,204']);
    assert.deepEqual([999, 12_345, 2.5e6].map(short), ['999', '12.3 k', '2.5 M']);
    assert.deepEqual([0, 0.5, 640, 1536, 12e6].map(bytes), ['0 B', '0.5 B', '640 B', '1.5 kB', '12 MB']);
    assert.deepEqual([0.4, 1200, null].map(milliseconds), ['0.4 ms', '1.2 s', '–']);
  });
});
