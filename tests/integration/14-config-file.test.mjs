// Options from a file: syntax, precedence, and error messages.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { defer } from './support/cleanup.mjs';
import { runToExit, startServer } from './support/server.mjs';

const EXAMPLE = fileURLToPath(new URL('../../eventhub.conf.example', import.meta.url));

function writeFile(t, content) {
  const dir = mkdtempSync(join(tmpdir(), 'eventhub-config-'));
  defer(t, () => rmSync(dir, { recursive: true }));
  const path = join(dir, 'test.conf');
  writeFileSync(path, content);
  return path;
}

function check(t, content, { env = {}, args = [] } = {}) {
  const path = writeFile(t, content);
  return runToExit(env, { args: [`--config=${path}`, '--check-config', ...args] });
}

async function assertAccepted(t, content, how) {
  const { code, stderr } = await check(t, content, how);
  assert.equal(stderr, '');
  assert.equal(code, 0);
}

async function assertRefused(t, content, pattern, how) {
  const { code, stdout, stderr } = await check(t, content, how);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^[^\n]+\n$/, 'one line');
  assert.match(stderr, pattern);
  return stderr;
}

test('starts with all its options in a file', async (t) => {
  const path = writeFile(t, [
    '# for the test', '',
    'LISTEN_ADDRESS = 127.0.0.1  # not for everybody',
    'listen-port = 0',
    "Broker = 'memory'",
    '\tDisable_Auth=yes',
    'prometheus_metric_prefix = "from_file"',
    'LOG_FORMAT =', // an empty value counts as not set
  ].join('\r\n'));
  const options = { LISTEN_ADDRESS: undefined, LISTEN_PORT: undefined, BROKER: undefined,
    DISABLE_AUTH: undefined };
  const server = await startServer(t, options, { args: [`--config=${path}`] });
  assert.match(server.stderr, /address="?127\.0\.0\.1/);
  assert.ok((await server.metrics()).worker_count > 0);
});

test('prefers the command line to the environment, and that to the file', async (t) => {
  const bad = 'PING_INTERVAL = 0\n';
  const file = 'PING_INTERVAL = 7\n';
  await assertRefused(t, bad, /test\.conf:1: PING_INTERVAL/);
  // The invalid value that the error names shows which one was used.
  await assertRefused(t, file, /^eventhub: PING_INTERVAL must be .*, not "-1"/, { env: { PING_INTERVAL: '-1' } });
  await assertRefused(t, file, /^eventhub: PING_INTERVAL must be .*, not "-2"/, {
    env: { PING_INTERVAL: '5' }, args: ['--ping-interval=-2'],
  });
  const path = writeFile(t, 'LISTEN_PORT = 1\nDRAIN_DELAY = 3600\nBROKER = redis\n');
  const server = await startServer(t, { DRAIN_DELAY: '0', BROKER: '' }, {
    args: ['--broker=memory', `--config=${path}`, '--listen-port=0'],
  });
  assert.notEqual(server.port, 1);
  await server.stop(); // exits at once, not after an hour
});

test('errors in a file', async (t) => {
  const cases = [
    ['an unknown option', '\n# x\nlisten_prot = 80\n', /test\.conf:3: unknown option "listen_prot"/],
    ['an invalid value', 'broker = kafka', /test\.conf:1: BROKER must be redis or memory, not "kafka"$/m],
    ['a value of the wrong type', 'a=\nlisten_port = x', /test\.conf:1: unknown option "a"/],
    ['a missing equals sign', 'listen_port 80', /test\.conf:1: the line must be name = value$/m],
    ['a section', '[server]', /test\.conf:1: the line /],
    ['an open quote', 'redis_host = "a', /test\.conf:1: the line has no closing quote/],
    ['text after a quote', "redis_host = 'a'b", /test\.conf:1: the line continues after the closing quote/],
    ['a NUL', Buffer.from('redis_host = a\0b\n'), /test\.conf:1: the line holds a control/],
    ['a long line', `# ${'x'.repeat(9000)}`, /test\.conf:1: the line is longer than 8192 bytes/],
    ['a large file', '# filler\n'.repeat(40_000), /--config: .*test\.conf: the file is larger than 256k/],
    ['a file within a file', 'config = other.conf', /test\.conf:1: unknown option "config"/],
  ];
  for (const [name, content, pattern] of cases) {
    await t.test(`reports ${name} with file and line`, (t) => assertRefused(t, content, pattern));
  }

  await t.test('does not show a secret', async (t) => {
    const line = await assertRefused(t, `jwt_secret = ${'hidden'.repeat(1000)}`,
      /test\.conf:1: JWT_SECRET must be text of at most 4096 bytes$/m);
    assert.ok(!line.includes('hidden'));
  });

  await t.test('refuses a missing file and a directory', async () => {
    for (const path of ['/nowhere/eventhub.conf', '/']) {
      const { code, stderr } = await runToExit({}, { args: [`--config=${path}`] });
      assert.equal(code, 1);
      assert.match(stderr, /^eventhub: --config: \/[^\n]*: (No such file or|Is a) directory\n$/);
    }
  });

  await t.test('refuses --config without a file', async () => {
    const { code, stderr } = await runToExit({}, { args: ['--config'] });
    assert.equal(code, 1);
    assert.match(stderr, /--config/);
  });
});

test('accepts the example file, with every option active', async (t) => {
  const example = readFileSync(EXAMPLE, 'utf8');
  await assertAccepted(t, example);
  const active = example.replace(/^#(?=[A-Z_]+ =)/gm, '');
  await assertAccepted(t, active);
  const { stdout } = await runToExit({}, { args: ['--help'] });
  for (const [, name] of stdout.matchAll(/^ {2}([A-Z_]+)$/gm)) {
    assert.match(active, new RegExp(`^${name} =`, 'm'));
  }
});
