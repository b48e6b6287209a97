// eventhubctl sub, pub, log, kv and presence against a server: what they print, what they refuse, and
// that nothing is lost or doubled when the connection breaks.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CTL } from './support/ctl.mjs';
import { ctl, startCtl } from './support/ctl-process.mjs';
import { temporaryFiles } from './support/files.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { startProxy } from './support/proxy.mjs';
import { Pty } from './support/pty.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, FINDS_RACES, scaled } from './support/wait.mjs';

// A race could only be in the server, which does nothing here that other tests do not do.
const skip = FINDS_RACES && 'eventhubctl has one thread';

const ID = /^\d+-\d+$/;
const CONNECTED = /^connected/m;
const AGAIN = /^connected again/m;

/** Asserts that it ended with this status and one line on stderr. */
function assertFailed({ code, stdout, stderr }, status, why) {
  assert.equal(code, status, stderr);
  assert.match(stderr, why);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  assert.equal(stdout, '');
}

function assertSucceeded({ code, stderr }) {
  assert.equal(code, 0, stderr);
}

async function printed(t, server, args, how) {
  const run = await ctl(t, server, args, how);
  assertSucceeded(run);
  return run.stdout;
}

test('messages of one server', { skip }, async (t) => {
  const server = await startServer(t, { MAX_CACHE_REQUEST_LIMIT: '10' });
  const { directory, write } = temporaryFiles(t);
  const run = (args, how) => ctl(t, server, args, how);
  const print = (args, how) => printed(t, server, args, how);

  await t.test('pub prints the id, and sub prints the message', async (t) => {
    const sub = startCtl(t, server, ['sub', 'first/#', '--count', '2']);
    await sub.untilSaid(CONNECTED);
    const id = await print(['pub', 'first/a', 'Hello']);
    assert.match(id.trim(), ID);
    assert.deepEqual(JSON.parse(await print(['pub', '--json', 'first/b', 'world'])).topic, 'first/b');
    assert.equal(await sub.status(), 0);
    assert.deepEqual(sub.lines, ['first/a Hello', 'first/b world']);
  });

  await t.test('sub --latest begins with the newest message of each topic', async () => {
    for (const [topic, text] of [['l/x', '1'], ['l/y', '1'], ['l/x', '2'], ['l/y/z', '1']]) await print(['pub', topic, text]);
    const args = ['sub', 'l/#', 'l/x', '--latest', '--count', '3', '--format', '%t %m'];
    assert.equal(await print(args), 'l/y 1\nl/x 2\nl/y/z 1\n');
  });

  await t.test('sub begins in history and prints after the pattern, or JSON', async () => {
    const [a, b] = [await print(['pub', 'h/x', 'one']), await print(['pub', 'h/y', 'two "2"'])].map((id) => id.trim());
    const time = new Date(Number(b.split('-')[0])).toISOString();
    const sub = (...args) => print(['sub', '--quiet', ...args, 'h/#']);
    const end = ['--count', '1'];
    assert.equal(await sub('--all', '--count', '2', '--format', '%t\\t%m'), 'h/x\tone\nh/y\ttwo "2"\n');
    assert.equal(await sub('--since-id', a, ...end, '-F', '%i %T'), `${b} ${time}\n`);
    assert.equal(await sub('--since', '-1h', ...end), 'h/x one\n');
    const line = { id: b, time, topic: 'h/y', message: 'two "2"' };
    for (const json of [['--json'], ['--format', 'json']]) {
      assert.deepEqual(JSON.parse(await sub('--since-id', a, ...end, ...json)), line);
    }
  });

  await t.test('sub prints a message once that several patterns match', async (t) => {
    const sub = startCtl(t, server, ['sub', 'twice/+', '+/a', 'twice/+', '--count', '3']);
    await sub.untilSaid(CONNECTED);
    for (const topic of ['twice/a', 'other/a', 'twice/b']) await print(['pub', topic, 'm']);
    assert.equal(await sub.status(), 0);
    assert.deepEqual(sub.lines, ['twice/a m', 'other/a m', 'twice/b m']);
  });

  await t.test('sub ends after --timeout', async () => {
    const late = await run(['sub', 'quiet', '--count', '1', '--timeout', '200ms']);
    assert.equal(late.code, 5);
    assert.match(late.stderr, /0 of 1 messages have come in time/);
    assertSucceeded(await run(['sub', 'quiet', '--timeout', '200ms']));
  });

  await t.test('sub ends with status 130 on Ctrl-C', async (t) => {
    const sub = startCtl(t, server, ['sub', 'quiet']);
    await sub.untilSaid(CONNECTED);
    sub.signal('SIGINT');
    assert.equal(await sub.status(), 130);
  });

  await t.test('sub --gaps reports a history that is too old', async () => {
    const run = await ctl(t, server, ['sub', 'h/#', '--since-id', '1-0', '--count', '1', '--gaps']);
    assert.equal(run.code, 1);
    assert.match(run.stdout, /^gap: messages of "h\/#" may be missing here\nh\/x one\n$/);
    assert.match(run.stderr, /warning: messages of "h\/#" may be missing/);
  });

  await t.test('sub ends quietly when its reader does', async () => {
    const launcher = ['sh', '-c', '"$0" "$@" | head -n 1'];
    const { stdout, stderr } = await run(['sub', '--quiet', '--all', 'h/#'], { launcher });
    assert.deepEqual([stdout, stderr], ['h/x one\n', '']);
  });

  await t.test('pub publishes files and stdin as one message', async () => {
    const file = write('message', 'two\nlines\n');
    await print(['pub', 'file', '-f', file]);
    await print(['pub', 'file', '-f', '-'], { input: 'from stdin' });
    assert.equal(await print(['log', 'file', '--format', '%m']), 'two\nlines\n\nfrom stdin\n');
    assertFailed(await run(['pub', 'file', '-f', write('empty', '')]), 2, /is empty/);
    assertFailed(await run(['pub', 'file', '-f', `${directory}/none`]), 2, /cannot read .*No such file/);
    assertFailed(await run(['pub', 'file', '-f', directory]), 2, /cannot read .*directory/);
  });

  await t.test('pub publishes once what has the same key', async () => {
    const publish = (message) => print(['pub', '--key', 'order 7', '--ttl', '1h', 'keyed', message]);
    assert.equal(await publish('a'), await publish('a'));
    assert.equal(await print(['log', 'keyed']).then((text) => text.split('\n').length), 2);
  });

  await t.test('pub repeats a message at a rate', async () => {
    const before = performance.now();
    const { stderr } = await run(['pub', '--repeat', '9', '--rate', '20', 'repeated', 'm']);
    assert.match(stderr, /^published 9 messages in /);
    assert.ok(performance.now() - before >= 400 - 50, 'eight waits of 50 ms, less the slack');
    assert.equal(await print(['log', 'repeated', '--format', '%m']), 'm\n'.repeat(9));
  });

  await t.test('pub -l reports the lines that cannot be published', async () => {
    const input = Buffer.concat([Buffer.from('one\n\ntwo\n'), Buffer.from([0xff, 0x0a]), Buffer.from('last')]);
    const { code, stdout, stderr } = await run(['pub', '-l', '--json', 'lines'], { input });
    assert.equal(code, 1);
    assert.match(stderr, /^eventhubctl: line 4: not UTF-8 text$/m);
    assert.match(stderr, /^published 3 messages in .*; 1 failed; 1 empty line was skipped$/m);
    assert.deepEqual(JSON.parse(stdout), { topic: 'lines', published: 3, failed: 1, unconfirmed: 0 });
    assert.equal(await print(['log', 'lines', '--format', '%m']), 'one\ntwo\nlast\n');
  });

  await t.test('pub -l reads a file', async () => {
    const lines = numbered('line', 300);
    const launcher = ['sh', '-c', `"$0" "$@" <${write('lines', lines.join('\n'))}`];
    await print(['pub', '-l', 'from/file'], { launcher });
    assert.equal(await print(['log', 'from/file', '--format', '%m']), `${lines.join('\n')}\n`);
  });

  await t.test('pub -l publishes a line as soon as it is there', async (t) => {
    const pub = startCtl(t, server, ['pub', '-l', 'live'], { input: true });
    const sub = startCtl(t, server, ['sub', 'live']);
    await sub.untilSaid(CONNECTED);
    for (const [i, line] of ['a', 'b'].entries()) {
      await pub.write(`${line}\n`);
      await sub.untilLines(i + 1);
    }
    pub.signal('SIGINT');
    assert.equal(await pub.status(), 130);
    assert.match(pub.stderr, /^published 2 messages/m);
  });

  await t.test('log prints pages of any number, and limits', async () => {
    const input = numbered('m', 25).join('\n');
    await print(['pub', '-l', 'paged'], { input });
    const texts = async (...args) => (await print(['log', 'paged', '--format', '%m', ...args])).split('\n').slice(0, -1);
    assert.deepEqual(await texts(), numbered('m', 25));
    assert.deepEqual(await texts('--since', '1h'), numbered('m', 25));
    assert.deepEqual(await texts('--since', String(Date.now() + 60_000)), []);
    assert.deepEqual(await texts('--limit', '3'), numbered('m', 3, 22));
    assert.deepEqual(await texts('--since', '1h', '--limit', '3'), numbered('m', 3, 22));
    const first = (await print(['log', 'paged', '--format', '%i'])).split('\n')[0];
    assert.deepEqual(await texts('--since-id', first, '--limit', '13'), numbered('m', 13, 1));
    const old = await run(['log', 'paged', '--since-id', '1-0', '--limit', '1']);
    assert.match(old.stderr, /warning: messages after 1-0 are no longer in the log/);
  });

  await t.test('kv stores values from the command line and from stdin', async () => {
    assert.equal(await print(['kv', 'set', 'k/a', 'value']), '');
    assert.equal(await print(['kv', 'get', 'k/a']), 'value\n');
    await print(['kv', 'set', 'k/a', '--ttl', '1h'], { input: 'a\nb\n' });
    assert.equal(await print(['kv', 'get', '--raw', 'k/a']), 'a\nb');
    assert.deepEqual(JSON.parse(await print(['kv', 'get', '--json', 'k/a'])), { key: 'k/a', value: 'a\nb' });
    assert.equal(await print(['kv', 'del', 'k/a']), '');
    assertFailed(await run(['kv', 'get', 'k/a']), 1, /no key "k\/a"/);
    assertFailed(await run(['kv', 'del', 'k/a']), 1, /no key "k\/a"/);
  });

  await t.test('presence counts the subscribers', async (t) => {
    const sub = startCtl(t, server, ['sub', 'counted']);
    await sub.untilSaid(CONNECTED);
    assert.equal(await print(['presence', 'counted']), '1\n');
    assert.deepEqual(JSON.parse(await print(['presence', 'counted', '--json'])), { count: 1, subs: [], topic: 'counted' });
  });

  await t.test('control characters reach a pipe as they are, and a terminal spelled out', async () => {
    const text = '\u001b[2J\u009b1m \u202egnp.exe\u0007';
    await print(['pub', 'evil', '-f', '-'], { input: text });
    assert.equal(await print(['log', 'evil', '-F', '%m']), `${text}\n`);
    const launcher = ['sh', '-c', 'CTL=$0 ARGS="$*" exec script -qec \'"$CTL" $ARGS\' /dev/null'];
    const onTerminal = (...args) => print(['log', ...args], { launcher, env: { SHELL: '/bin/sh' } });
    assert.equal(await onTerminal('evil', '-F', '%m'), '\\x1b[2J\\x9b1m \\u202egnp.exe\\x07\r\n');
    assert.match(await onTerminal('evil', '--json'), /"message":"\\u001B\[2J\\u009b1m \\u202egnp\.exe\\u0007"\}\r\n$/);
    assert.equal(await onTerminal('evil', '-F', '%m', '--raw'), `${text}\r\n`);
    assert.equal(await onTerminal('nothing'), 'no messages\r\n');
    assert.equal(await onTerminal('nothing', '--limit', '1'), 'no messages\r\n');
  });

  await t.test('draws no progress over what somebody types', async (t) => {
    const args = ['-l', 'typed', '--rate', '5/s', '--url', `ws://127.0.0.1:${server.port}`];
    const pty = new Pty(t, [CTL, 'pub', ...args]);
    await pty.until('the command', () => /^before=/m.test(pty.stdout));
    pty.press('1\r2\r3\r4\r\x04'); // takes longer than the first progress line
    assert.equal((await pty.untilEnd()).status, 0);
    assert.match(pty.stdout, /published 4 messages in/);
    assert.doesNotMatch(pty.stdout, /in flight/);
  });

  await t.test('refuses wrong arguments with one line', async () => {
    const cases = [
      [['sub', 'a b'], /"a b" is not a valid topic or pattern/],
      [['sub', 'a/#/b'], /not a valid topic or pattern/],
      [['sub', 'a', '--since', 'soon'], /--since must be a duration/],
      [['sub', 'a', '--since-id', '7'], /--since-id must be an id/],
      [['sub', 'a', '--since', '1h', '--all'], /exclude each other/],
      [['sub', 'a', '--latest', '--all'], /exclude each other/],
      [['sub', 'a', '--format', '%x'], /--format: after % must come/],
      [['pub', 'a/#', 'm'], /"a\/#" is a pattern/],
      [['pub', '/a', 'm'], /"\/a" is not a valid topic/],
      [['pub', 'a'], /give one of MESSAGE/],
      [['pub', 'a', 'm', '-l'], /give one of MESSAGE/],
      [['pub', 'a', ''], /must not be empty/],
      [['pub', 'a', '-l', '--key', 'k'], /--key is for a single message/],
      [['pub', 'a', 'm', '--key', 'k'.repeat(65)], /1 to 64 bytes/],
      [['pub', 'a', '-l', '--repeat', '2'], /--repeat needs MESSAGE/],
      [['log', '+a'], /not a valid topic or pattern/],
      [['kv', 'get', 'a/+'], /not a valid key/],
      [['kv', 'set', 'a b', 'v'], /not a valid key/],
      [['presence', 'a/'], /not a valid topic or pattern/],
    ];
    for (const [args, why] of cases) assertFailed(await run(args), 2, why);
  });
});

test('a server with tokens', { skip }, async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: undefined, JWT_SECRET: SECRET });
  const token = (claims) => ({ env: { EVENTHUB_TOKEN: signToken(claims) } });
  const alice = token({ sub: 'alice', read: ['a/#'], write: ['a/#'], presence: ['a/#'], rlimit: [{ topic: 'a/slow', interval: 3600, max: 1 }] });

  await t.test('tells origins and names', async (t) => {
    const sub = startCtl(t, server, ['sub', 'a/b', '--count', '1', '--format', '%o: %m'], alice);
    await sub.untilSaid(CONNECTED);
    assert.equal(await printed(t, server, ['presence', 'a/b'], alice), '1\nalice\n');
    await printed(t, server, ['pub', 'a/b', 'Hello'], alice);
    assert.equal(await sub.status(), 0);
    assert.equal(sub.stdout, 'alice: Hello\n');
  });

  await t.test('refuses what the token does not permit', async () => {
    const wrong = [['sub', 'b'], ['pub', 'b', 'm'], ['log', 'b'], ['kv', 'get', 'b'], ['kv', 'set', 'b', 'v'], ['presence', 'b']];
    for (const args of wrong) assertFailed(await ctl(t, server, args, alice), 4, /does not permit (reading|writing to) "b"/);
    const lines = await ctl(t, server, ['pub', '-l', '--quiet', 'b'], { ...alice, input: 'x\n'.repeat(1000) });
    assert.equal(lines.code, 4);
  });

  await t.test('refuses a token that is missing or expired', async () => {
    const old = token({ read: ['#'], write: ['#'], exp: secondsFromNow(-60) });
    for (const args of [['sub', 'a/b'], ['pub', 'a/b', 'm'], ['log', 'a/b']]) {
      assertFailed(await ctl(t, server, args), 4, /token/);
      assertFailed(await ctl(t, server, args, old), 4, /expired/);
    }
  });

  await t.test('refuses publishes over the rate limit', async () => {
    const run = await ctl(t, server, ['pub', '--repeat', '3', 'a/slow', 'm'], alice);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /message 2: over the rate limit/);
    assert.match(run.stderr, /published 1 message in .*; 2 failed/);
  });
});

test('pub -l goes on without keys when the server has no memory for more', { skip }, async (t) => {
  const server = await startServer(t, { MEMORY_LIMIT: '1m', MAX_CACHE_LENGTH: '100000' });
  const judge = await openClient(t, server);
  const got = await judge.subscribe('full');
  const lines = numbered('line', 6000);
  const { code, stderr } = await ctl(t, server, ['pub', '-l', '--timeout', '1m', 'full'], { input: lines.join('\n') });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^eventhubctl: warning: the server has no memory for more keys: .*\npublished 6000 messages .*\n$/);
  assert.match(await printed(t, server, ['pub', 'full', 'one more']), /^\d+-\d+\n$/);
  await judge.roundTrip();
  assert.deepEqual(got.texts, [...lines, 'one more']);
});

test('connections that break', { skip }, async (t) => {
  const server = await startServer(t, { MAX_CACHE_LENGTH: '100000', MAX_MESSAGE_SIZE: '2000' });
  const proxy = await startProxy(t, server.port);

  await t.test('pub -l stores every line once and in order', async (t) => {
    const lines = numbered('line', scaled(20_000));
    const judge = await openClient(t, server);
    const got = await judge.subscribe('cut/lines');
    const pub = startCtl(t, proxy, ['pub', '-l', '--timeout', '1m', 'cut/lines'], { input: true });
    await pub.write(`${lines.slice(0, lines.length / 2).join('\n')}\n`);
    await got.untilCount(1);
    proxy.hold('commands'); // the server stores what comes now, and pub is not told
    await Promise.all([
      pub.write(`${lines.slice(lines.length / 2).join('\n')}\n`),
      eventually('answers are held', () => proxy.hasHeld('publish')).then(() => proxy.drop('commands')),
    ]);
    pub.endInput();
    assert.equal(await pub.status(), 0, pub.stderr);
    assert.match(pub.stderr, AGAIN);
    assert.match(pub.stderr, new RegExp(`^published ${lines.length} messages in `, 'm'));
    await judge.roundTrip();
    assert.deepEqual(got.texts, lines);
  });

  await t.test('pub reports a message that is too long', async () => {
    const input = ['short', 'x'.repeat(3000), 'last'].join('\n');
    const { code, stderr } = await ctl(t, server, ['pub', '-l', 'cut/long'], { input });
    assert.equal(code, 1);
    assert.match(stderr, /^eventhubctl: line 2: longer than the server accepts \(MAX_MESSAGE_SIZE\)$/m);
    assert.equal(await printed(t, server, ['log', 'cut/long', '-F', '%m']), 'short\nlast\n');
    assertFailed(await ctl(t, server, ['pub', 'cut/long', '-f', '-'], { input }), 1, /not published: longer than/);
  });

  await t.test('sub continues after the last message, or where it began', async (t) => {
    const sub = startCtl(t, proxy, ['sub', 'cut/a', 'cut/b', '--count', '3']);
    await sub.untilSaid(CONNECTED);
    await printed(t, server, ['pub', 'cut/a', 'before']);
    await sub.untilLines(1);
    proxy.cut();
    await printed(t, server, ['pub', 'cut/a', 'meanwhile']);
    await printed(t, server, ['pub', 'cut/b', 'meanwhile']);
    proxy.restore();
    assert.equal(await sub.status(), 0);
    assert.deepEqual(sub.lines.sort(), ['cut/a before', 'cut/a meanwhile', 'cut/b meanwhile']);
    assert.match(sub.stderr, /warning: .*; connecting again in \d+\.\d s/);
    assert.doesNotMatch(sub.stderr, /missing/);
  });
});

test('sub over a restart of the server, with Redis', { skip }, async (t) => {
  const redis = await startRedis(t);
  const port = await freePort();
  const [first, other] = await Promise.all([
    startServer(t, { ...redis.options, LISTEN_PORT: String(port) }),
    startServer(t, redis.options),
  ]);
  const sub = startCtl(t, { port }, ['sub', 'kept/#', '--format', '%m', '--count', '3']);
  await sub.untilSaid(CONNECTED);
  await printed(t, other, ['pub', 'kept/a', 'before']);
  await sub.untilLines(1);
  await first.stop();
  await printed(t, other, ['pub', 'kept/b', 'meanwhile']);
  await startServer(t, { ...redis.options, LISTEN_PORT: String(port) });
  await sub.untilSaid(AGAIN);
  await printed(t, other, ['pub', 'kept/c', 'after']);
  assert.equal(await sub.status(), 0, sub.stderr);
  assert.deepEqual(sub.lines, ['before', 'meanwhile', 'after']);
  assert.doesNotMatch(sub.stderr, /missing/);
});
