// The command line, the configuration, and the start of the process.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { httpGet } from './support/http.mjs';
import { runToExit, startServer } from './support/server.mjs';

const LOG_LINE =
  /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z [a-z]+ event=\w+( \w+=("([^"\\]|\\.)*"|[^\s"=]+))*$/;
// The options of the example file, which a style test compares with the table of the binary.
const OPTIONS = [...readFileSync(new URL('../../eventhub.conf.example', import.meta.url), 'utf8')
  .matchAll(/^#([A-Z_]+) =/gm)].map(([, name]) => name);

test('names every option on stdout with --help', async () => {
  const { code, stdout, stderr } = await runToExit({}, { args: ['--help'] });
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.ok(OPTIONS.length > 60);
  for (const name of OPTIONS) assert.match(stdout, new RegExp(`\\b${name}\\b`));
});

test('prints its version with --version', async () => {
  const { code, stdout } = await runToExit({}, { args: ['--version'] });
  assert.equal(code, 0);
  assert.match(stdout, /^eventhub \d+\.\d+\.\d+\S*\n$/);
});

test('accepts a valid configuration with --check-config', async () => {
  const env = { LISTEN_PORT: '0', BROKER: 'memory', JWT_SECRET: 'mine', max_message_size: '64k' };
  const { code, stderr } = await runToExit(env, { args: ['--check-config'] });
  assert.equal(stderr, '');
  assert.equal(code, 0);
});

const BAD = [
  ['LISTEN_PORT', 'http'], ['LISTEN_PORT', '65536'], ['LISTEN_PORT', '-1'], ['LISTEN_PORT', '80 '],
  ['LISTEN_ADDRESS', 'not an address'], ['WORKER_THREADS', '1.5'], ['BROKER', 'kafka'],
  ['DISABLE_AUTH', 'maybe'], ['REDIS_PORT', '0'], ['PING_INTERVAL', '0'],
  ['MAX_MESSAGE_SIZE', '1q'], ['MAX_MESSAGE_SIZE', '99999999999999999999'],
  ['LOG_LEVEL', 'loud'], ['LOG_FORMAT', 'xml'], ['MAX_CACHE_LENGTH', '0x10'],
];

function assertOneLine({ code, stderr, stdout }, name) {
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^[^\n]+\n$/, 'one line');
  assert.match(stderr, new RegExp(name, 'i'));
}

for (const [name, value] of BAD) {
  test(`refuses ${name}=${value} in one line, wherever it is set`, async () => {
    assertOneLine(await runToExit({ [name]: value }), name);
    assertOneLine(await runToExit({ [name.toLowerCase()]: value }), name);
    assertOneLine(await runToExit({}, { args: [`--${name.toLowerCase()}=${value}`] }), name);
    assertOneLine(await runToExit({ [name]: value }, { args: ['--check-config'] }), name);
  });
}

test('refuses an unknown option', async () => {
  assertOneLine(await runToExit({}, { args: ['--listen_prot=80'] }), 'listen_prot');
  assertOneLine(await runToExit({}, { args: ['8080'] }), '8080|argument');
});

test('does not show a secret that it refuses', async () => {
  const secret = 'top-secret'.repeat(1000);
  const answer = await runToExit({ JWT_SECRET: secret });
  assertOneLine(answer, 'JWT_SECRET');
  assert.ok(!answer.stderr.includes('top-secret'));
});

test('prefers the command line to the environment, and takes empty values as not set', async (t) => {
  const env = { LISTEN_PORT: '1', BROKER: 'redis', PING_INTERVAL: '' };
  const server = await startServer(t, env, { args: ['--listen-port=0', '--broker=memory'] });
  assert.notEqual(server.port, 1);
});

test('exits with status 1 and names the port when the port is in use', async (t) => {
  const first = await startServer(t);
  const env = { BROKER: 'memory', LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: String(first.port) };
  const { code, stderr } = await runToExit(env);
  assert.equal(code, 1);
  assert.match(stderr, /in use/i);
  assert.match(stderr, new RegExp(`\\b${first.port}\\b`));
});

test('listens on IPv4, too, without LISTEN_ADDRESS', async (t) => {
  const server = await startServer(t, { LISTEN_ADDRESS: undefined });
  assert.equal((await httpGet(server, '/healthz')).status, 200);
});

test('logs one event per line', async (t) => {
  const text = await startServer(t);
  await text.stop();
  for (const line of text.stderr.trimEnd().split('\n')) {
    assert.match(line, LOG_LINE);
  }
  const json = await startServer(t, { LOG_FORMAT: 'json' });
  await json.stop();
  for (const line of json.stderr.trimEnd().split('\n')) {
    assert.equal(typeof JSON.parse(line).event, 'string');
  }
});
