// eventhubctl bench: its figures, and that no fault of delivery escapes it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CTL, runCtl } from './support/ctl.mjs';
import { FAULTS, startFrameFaults } from './support/frame-faults.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { Process, runToExit, startServer } from './support/server.mjs';

const SMALL = ['--subs', '3', '--pubs', '2', '--window', '8', '--duration', '200ms'];

const bench = (url, args, how) => runCtl(['bench', '--url', url, ...SMALL, ...args], how);

test('bench', async (t) => {
  const server = await startServer(t, { MAX_SUBSCRIPTIONS: '10' });
  const url = `ws://127.0.0.1:${server.port}`;

  await t.test('prints a table', async () => {
    const { code, stdout, stderr } = await bench(url, []);
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp([
      '^3 subscribers, 2 publishers, messages of 128 bytes, 8 in flight at a time\n\n',
      'connects +5 +in \\d+\\.\\d\\d s +[\\d,]+ per second\n',
      'publishes +[\\d,]+ +in \\d+\\.\\d\\d s +[\\d,]+ per second\n',
      'deliveries +[\\d,]+ +in \\d+\\.\\d\\d s +[\\d,]+ per second\n',
      'latency +p50 [\\d.]+ ms +p90 [\\d.]+ ms +p99 [\\d.]+ ms +max [\\d.]+ ms\n',
      'lost +0\ndoubled +0\nout of order +0\n$',
    ].join('')));
  });

  await t.test('prints JSON, at a fixed rate and with long messages', async () => {
    const { code, stdout, stderr } = await bench(url, ['--json', '--rate', '100', '--size', '10k']);
    assert.equal(stderr, '');
    assert.equal(code, 0);
    const figures = JSON.parse(stdout);
    assert.equal(figures.delivered, 3 * figures.published);
    const due = 100 * figures.seconds.publishing;
    assert.ok(figures.published > 0 && figures.published <= due + 1, `${figures.published} of ${due}`);
    assert.deepEqual([figures.lost, figures.doubled, figures.out_of_order], [0, 0, 0]);
  });

  const wants = {
    none: [],
    lose: ['1 were lost, 0 doubled and 0 out of order'],
    double: ['0 were lost, 1 doubled and 0 out of order'],
    swap: ['0 were lost, 0 doubled and 1 out of order'],
  };
  for (const [name, [why]] of Object.entries(wants)) {
    await t.test(`finds one fault: ${name}`, async (t) => {
      const proxy = await startFrameFaults(t, server, FAULTS[name]);
      const { code, stdout, stderr } = await bench(proxy, ['--pubs', '1']);
      assert.equal(code, why ? 1 : 0, stderr);
      assert.match(stdout, /^deliveries /m);
      if (why) assert.match(stderr, new RegExp(`^eventhubctl: of \\d+ deliveries, ${why}: [^\n]+\n$`));
    });
  }

  await t.test('ends at Ctrl-C with its figures', async () => {
    const args = ['bench', '--url', url, '--subs', '2', '--pubs', '1', '--duration', '1h'];
    const { publish_count: before } = await server.metrics();
    const process = new Process({}, { binary: CTL, args });
    await server.untilMetric('it publishes', ({ publish_count: now }) => now > before);
    process.signal('SIGINT');
    const { code } = await process.untilExit();
    assert.equal(code, 130, process.stderr);
    assert.match(process.stdout, /^lost +0$/m);
  });

  await t.test('says what is wrong before it begins', async (t) => {
    const launcher = ['sh', '-c', 'ulimit -n 500; exec "$0" "$@"'];
    const crowd = ['bench', '--url', url, '--subs', '1000', '--pubs', '1'];
    const few = await runToExit({}, { binary: CTL, args: crowd, launcher });
    assert.equal(few.code, 2);
    assert.equal(few.stderr, 'eventhubctl: 1001 connections need 1097 file descriptors, and the limit is 500: '
      + 'raise it (ulimit -n 1097), or lower --subs\n');
    const many = await bench(url, ['--subs', '20000', '--pubs', '1000']);
    assert.equal(many.code, 2);
    assert.match(many.stderr, /^eventhubctl: --subs times --pubs must be at most 10000000: [^\n]+\n$/);
    const guarded = await startServer(t, { DISABLE_AUTH: undefined, JWT_SECRET: SECRET });
    const args = ['--token', signToken({ read: ['a/#'], write: ['a/#'] })];
    const narrow = await bench(`ws://127.0.0.1:${guarded.port}`, args);
    assert.equal(narrow.code, 4);
    assert.match(narrow.stderr, /^eventhubctl: .* does not permit reading .*; choose a topic with --topic\n$/);
    const topic = await bench(url, ['--topic', 'a b']);
    assert.equal(topic.code, 2);
    assert.match(topic.stderr, /^eventhubctl: "a b" is not a valid topic: use [^\n]+\n$/);
  });
});
