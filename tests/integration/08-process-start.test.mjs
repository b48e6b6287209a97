// The command line, the configuration, and the start of the process.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { httpGet } from './support/http.mjs';
import { DEFAULTS, Process, runToExit, startServer } from './support/server.mjs';
import { BINARY, eventually } from './support/wait.mjs';

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
  ['REDIS_HOST', 'redis://localhost:6379'], ['REDIS_HOST', 'localhost:0'],
  ['REDIS_HOST', 'a:6379,'], ['REDIS_URL', 'localhost:6379'], ['REDIS_SENTINELS', '/run/s.sock'],
  ['REDIS_CLUSTER', 'maybe'], ['REDIS_PORT', 'tcp://10.0.0.5:6379'],
  ['LISTEN_ADDRESS', '127.0.0.1:8080'], ['JWT_KEYS_FILE', 'https://example.net/jwks.json'],
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

test('does not show a password in a URL, or a key in place of its file', async () => {
  const url = await runToExit({ REDIS_HOST: 'redis://:p4ssword@redis' });
  assertOneLine(url, 'REDIS_HOST');
  assert.match(url.stderr, /not a URL: set REDIS_URL\n/);
  const key = await runToExit({ SSL_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----\np4ssword\n' });
  assertOneLine(key, 'SSL_PRIVATE_KEY');
  for (const { stderr } of [url, key]) assert.doesNotMatch(stderr, /p4ssword/);
});

test('warns about a secret that ends with a line break or is in quotes', async (t) => {
  const server = await startServer(t, { JWT_SECRET: '"p4ssword"', REDIS_PASSWORD: 'p4ssword\n' });
  assert.match(server.stderr, / warn event=secret_looks_wrong option=JWT_SECRET why="the value is in quotes/);
  assert.match(server.stderr, / warn event=secret_looks_wrong option=REDIS_PASSWORD why="the value ends with/);
  assert.doesNotMatch(server.stderr, /p4ssword/);
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

const HANDOVER = join(dirname(BINARY), 'tests/handover');
const closing = (redirections) => ['/bin/sh', '-c', `exec "$0" "$@" ${redirections}`];

/** The file that each of the descriptors is open on; undefined if one is not open. */
const openFiles = (pid, fds) => fds.map((fd) => {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return undefined;
  }
});

const LISTEN = '0A';

/** The port on which the process listens, found without its help; undefined if it does not listen. */
function listeningPort(pid) {
  const files = openFiles(pid, readdirSync(`/proc/${pid}/fd`));
  for (const line of readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTEN && files.includes(`socket:[${inode}]`)) return parseInt(local.split(':')[1], 16);
  }
}

/** Starts a server that may be unable to log; stops it at the end of the test. */
function startSilently(t, launcher) {
  const server = new Process(DEFAULTS, { launcher });
  defer(t, async () => {
    if (!server.isStopping) server.signal('SIGTERM');
    assert.deepEqual(await server.untilExit(), { code: 0, signal: null });
  });
  return server;
}

async function untilServing(pid) {
  const port = await eventually('a port', () => listeningPort(pid));
  await eventually('an answer', () => httpGet({ port }, '/healthz').then((a) => a.status === 200, () => false));
}

for (const [redirections, closed] of [
  ['<&-', [0]], ['>&-', [1]], ['2>&-', [2]], ['<&- >&-', [0, 1]], ['>&- 2>&-', [1, 2]], ['<&- >&- 2>&-', [0, 1, 2]],
]) {
  test(`opens /dev/null in place of descriptors closed with ${redirections}`, async (t) => {
    const server = startSilently(t, closing(redirections));
    await untilServing(server.pid);
    for (const file of openFiles(server.pid, closed)) assert.equal(file, '/dev/null');
    if (!closed.includes(2)) await server.until('a log line', () => /event=started/.test(server.stderr));
  });
}

test('keeps a socket that is handed over when 0 to 2 are closed', async (t) => {
  const manager = startSilently(t, [HANDOVER, 'http', 't', ...closing('<&- >&- 2>&-')]);
  const children = () => readFileSync(`/proc/${manager.pid}/task/${manager.pid}/children`, 'latin1');
  const pid = await eventually('the server', () => children().trim());
  await untilServing(pid);
  assert.deepEqual(openFiles(pid, [0, 1, 2]), ['/dev/null', '/dev/null', '/dev/null']);
});

test('exits as always when there is nowhere to write', async () => {
  for (const [args, code] of [['--version', 0], ['--help', 0], ['--check-config', 0], ['--nonsense', 1]]) {
    const how = { args: [args], launcher: closing('<&- >&- 2>&-') };
    assert.deepEqual(await runToExit({ BROKER: 'memory' }, how), { code, stdout: '', stderr: '' });
  }
});

test('exits with status 1 when the output cannot be written', async () => {
  for (const arg of ['--version', '--help', '--help=conf']) {
    const how = { args: [arg], launcher: closing('>/dev/full') };
    assert.deepEqual(await runToExit({}, how),
      { code: 1, stdout: '', stderr: 'eventhub: stdout: No space left on device\n' });
  }
});
