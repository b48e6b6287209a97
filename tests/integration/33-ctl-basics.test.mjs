// Failures of eventhubctl before it has an answer: options, addresses, certificates, tokens, and
// servers that are not ours. Each ends with one line that says what to do, and the documented status.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { startCtl } from './support/ctl-process.mjs';
import { CTL, runCtl } from './support/ctl.mjs';
import { temporaryFiles } from './support/files.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { Process, startServer } from './support/server.mjs';
import { startTlsServer } from './support/tls.mjs';
import { eventually, SANITIZED } from './support/wait.mjs';

const [OK, NEGATIVE, USAGE, NO_CONNECTION, NOT_PERMITTED, TIMEOUT, INTERRUPTED] = [0, 1, 2, 3, 4, 5, 130];
// Long enough to connect on a busy machine, where the answer never comes.
const PATIENCE = SANITIZED ? '1500ms' : '400ms';
const EVERYTHING = { read: ['#'], write: ['#'] };
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f]/;

/** Asserts the status, and one line on stderr that matches. */
async function assertFails(args, status, why, how) {
  const { code, stdout, stderr } = await runCtl(args, how);
  assert.equal(code, status, `${args.join(' ')}: ${stderr}`);
  assert.match(stderr, why);
  assert.match(stderr, /^eventhubctl: [^\n]+\n$/);
  assert.doesNotMatch(stderr, CONTROL);
  assert.equal(stdout, '');
}

async function assertPrints(args, pattern, how) {
  const { code, stdout, stderr } = await runCtl(args, how);
  assert.equal(code, OK, `${args.join(' ')}: ${stderr}`);
  assert.match(stdout, pattern);
  return stderr;
}

/** Starts a server that is not ours; resolves to its URL. */
async function startFake(t, onSocket) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(t, () => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  return `ws://127.0.0.1:${server.address().port}`;
}

/** Accepts a handshake, sends `rest` in the same write, and calls `then` with the socket. */
function upgrades(then, rest = '') {
  return (socket) => {
    socket.once('data', (bytes) => {
      const [, key] = /Sec-WebSocket-Key: (\S+)/i.exec(bytes.toString('latin1'));
      const accept = createHash('sha1').update(key + GUID).digest('base64');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n${rest}`, 'latin1');
      then(socket);
    });
  };
}

/** A frame that holds this as JSON. */
function frame(value) {
  const text = Buffer.from(JSON.stringify(value));
  const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64BE(BigInt(text.length), 2);
  return Buffer.concat([text.length < 126 ? Buffer.from([0x81, text.length]) : head, text]);
}

/** Writes as soon as anything arrives; with 'write', the connection stays open. */
function answers(bytes, how = 'end') {
  return (socket) => socket.once('data', () => socket[how](bytes));
}

test('wrong options and addresses are refused before anything is sent', async () => {
  const cases = [
    [[], /which command\? eventhubctl help lists them/],
    [['nonsense'], /unknown command "nonsense"/],
    [['kv'], /"kv" needs one more word: kv get, kv set, kv del/],
    [['kv', 'list'], /unknown command "kv list"; the commands are kv get, kv set, kv del/],
    [['\x1b[2J'], /unknown command "\\x1b\[2J"/],
    [['--nonsense'], /unknown option "--nonsense"/],
    [['token', 'verify', 'x'], /unexpected argument|unknown/],
    [['ping', '--nonsense'], /unknown option --nonsense; see eventhubctl help ping/],
    [['ping', '--count'], /--count needs a value/],
    [['ping', '--count', '0'], /--count must be a number of at least 1; see/],
    [['ping', '--timeout', 'soon'], /--timeout must be a duration such as/],
    [['ping', 'extra'], /unexpected argument "extra"/],
    [['ping', '--url', 'localhost:8080'], /must begin with ws:\/\//],
    [['ping', '--url', 'ws://localhost:99999'], /no valid port/],
    [['ping', '--url', 'ws://me:secret@localhost'], /must not hold a name or password/],
    [['ping', '--url', 'ws://localhost?auth=secret'], /for the token, set EVENTHUB_TOKEN/],
    [['ping', '--token', 'a b'], /must be one line of visible characters/],
    [['ping', '--token', 'a', '--token-file', 'b'], /--token conflicts with --token-file/],
    [['ping', '--url', 'wss://localhost', '--ca', '/nonexistent'], /CA certificate \/nonexistent: No such file/],
    [['ping', '--ca', '/nonexistent'], /--ca is for TLS: use it with a URL that begins with wss:\/\//],
    [['help', 'nonsense'], /unknown command "nonsense"/],
    [['completion', 'tcsh'], /unknown shell "tcsh"; use bash, zsh or fish/],
  ];
  for (const [args, why] of cases) await assertFails(args, USAGE, why);
  const { stderr } = await runCtl(['ping', '--url', 'ws://localhost?auth=secret']);
  assert.doesNotMatch(stderr, /secret/);
});

test('an address where nobody answers', async (t) => {
  const url = `ws://127.0.0.1:${await freePort()}`;
  for (const command of ['ping', 'health']) {
    await assertFails([command, '--url', url], NO_CONNECTION, /connection refused; start the server, or name its/);
    await assertFails([command, '--url', 'unix:/nonexistent/socket'], NO_CONNECTION, /start the server, or check the path/);
    await assertFails([command, '--url', url.replace('ws:', 'http:')], NO_CONNECTION, /cannot connect to http:\/\//);
    await assertFails([command], NO_CONNECTION, /cannot find the host of ws:\/\/no\.such\.host\.invalid/,
      { env: { EVENTHUB_URL: 'ws://no.such.host.invalid' } });
    const silent = await startFake(t, () => {});
    await assertFails([command, '--url', silent, '--timeout', PATIENCE], NO_CONNECTION,
      /did not answer within \d+ms; is it an Eventhub server\? --timeout waits longer/);
    await assertFails([command, '--url', silent.replace('ws:', 'wss:'), '--timeout', PATIENCE], NO_CONNECTION,
      /no answer within \d+ms to the TLS handshake/);
  }
});

test('servers that are not ours', async (t) => {
  const notFound = answers('HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello');
  const escapes = answers('HTTP/1.1 401 No\r\nConnection: close\r\n\r\n{"error":"\\u001b]0;x\\u0007"}');
  const cases = [
    [notFound, /not an Eventhub server: it answered 404 Not Found; check/],
    [answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'), /it answered 200 OK/],
    [answers('HTTP/1.1 302 Found\r\nLocation: https://b/\r\nContent-Length: 0\r\n\r\n'), /names: https:\/\/b\/$/m],
    [answers('220 mail.example ESMTP \x1b[2J\r\n'), /it sent "220 mail\.example ESMTP \\x1b\[2J"/],
    [(socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /it sent "SSH-2\.0-OpenSSH_9\.2"/],
    [answers(Buffer.from([0x15, 3, 3, 0, 2, 2, 10])), /it expects TLS; with TLS, the URL is wss:\/\//],
    [(socket) => socket.once('data', () => socket.resetAndDestroy()), /connection reset by peer; is it an Eventhub server\?/],
    [answers(''), /closed the connection without an answer; with TLS, the URL is wss:/],
    [answers(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`), /not an Eventhub server/],
    [answers('HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\n{'), /503 Busy; try again later/],
    [answers('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'), /not an Eventhub server/],
    [upgrades((socket) => socket.write('garbage, which is no frame')), /it sent broken WebSocket frames/],
    [upgrades((socket) => socket.write(Buffer.from([0x82, 1, 0]))), /it sent broken WebSocket frames/],
    [upgrades((socket) => socket.write(Buffer.from([0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0]))), /more than 64 MiB/],
    [upgrades((socket) => socket.write(Buffer.from('\x81\x02hi', 'latin1'))), /a message that is not an answer/],
    [upgrades(answers(frame({ id: 1, result: new Array(2_100_000).fill([]) }))), /a message with too many values/],
    [upgrades((socket) => socket.write(Buffer.from('\x88\x00', 'latin1'))), /the server closed the connection/],
    [upgrades((socket) => socket.end()), /closed the connection$/m],
  ];
  for (const [onSocket, why] of cases) {
    await assertFails(['ping', '--url', await startFake(t, onSocket)], NO_CONNECTION, why);
  }
  await assertFails(['ping', '--url', await startFake(t, escapes)], NOT_PERMITTED, /401 \\x1b\]0;x\\x07/);
  await assertFails(['health', '--url', await startFake(t, notFound)], NO_CONNECTION, /does not report the health of an Eventhub/);
  await assertFails(['health', '--url', await startFake(t, answers('HTTP/1.1 200 OK\r\n\r\n<html>'))],
    NO_CONNECTION, /the health of an Eventhub server: it answered 200 OK; check/);
  await assertFails(['health', '--url', await startFake(t, answers('220 mail\r\n'))], NO_CONNECTION, /it sent "220/);
});

test('a server that accepts the connection and then says nothing', async (t) => {
  const url = await startFake(t, upgrades(() => {}));
  await assertFails(['ping', '--url', url, '--timeout', PATIENCE], TIMEOUT, /did not answer in time; --timeout/);
});

test('a server that never closes does not keep a command', async (t) => {
  const url = await startFake(t, upgrades(answers(frame({ id: 1, result: { pong: 1 } }), 'write')));
  await assertPrints(['ping', '--url', url, '--timeout', '1h'], /^pong from /);
});

test('texts of a server cannot drive the terminal', async (t) => {
  const launcher = ['sh', '-c', 'CTL=$0 ARGS="$*" exec script -qec \'"$CTL" $ARGS\' /dev/null'];
  const text = '\x1b]0;x\x07\u009b';
  const gap = { action: 'gap', topic: text };
  const cases = [
    [['pub', 'a', 'm'], [{ id: text }]],
    [['sub', 'a', '--gaps', '--count', '1'], [{ lastEventId: '1-0' }, gap, { id: '2-0', topic: 'a', message: 'm' }]],
  ];
  for (const [args, results] of cases) {
    const replies = results.map((result) => frame({ id: 1, result }));
    const url = await startFake(t, upgrades(answers(Buffer.concat(replies), 'write')));
    const run = new Process({ EVENTHUB_URL: url, SHELL: '/bin/sh' }, { binary: CTL, args, launcher });
    await run.untilExit();
    assert.match(run.stdout, /\\x1b\]0;x\\x07\\x9b/);
    assert.doesNotMatch(run.stdout.replaceAll('\r\n', '\n').replaceAll('\r\x1b[K', ''), CONTROL);
  }
});

test('a connection that ends before the answer has one reason', async (t) => {
  const closes = await startFake(t, upgrades(() => {}, '\x88\x04\x03\xe9no'));
  for (const args of [['ping'], ['kv', 'get', 'k']]) {
    const { code, stderr } = await runCtl(args, { env: { EVENTHUB_URL: closes } });
    assert.match(stderr, /the server is going away: no \(code 1001\)/, args.join(' '));
    assert.equal(code, NO_CONNECTION, stderr);
  }
  const server = await startServer(t, { MAX_MESSAGE_SIZE: '1024' });
  await assertFails(['kv', 'set', 'k', 'x'.repeat(2000)], NEGATIVE, /larger than the server accepts \(MAX_MESSAGE_SIZE\)/,
    { env: { EVENTHUB_URL: `ws://127.0.0.1:${server.port}` } });
});

test('a certificate that is not trusted', async (t) => {
  const server = await startTlsServer(t);
  const url = `wss://127.0.0.1:${server.tlsPort}`;
  const ca = temporaryFiles(t).write('ca.pem', server.ca);
  for (const command of ['ping', 'health']) {
    await assertFails([command, '--url', url], NO_CONNECTION, /certificate refused: .*; name the CA that signed it/);
    await assertPrints([command, '--url', url.replace('127.0.0.1', 'localhost'), '--ca', ca], /pong|alive/);
    await assertFails([command, '--url', url.replace('127.0.0.1', '127.1'), '--ca', ca], NO_CONNECTION,
      /mismatch; use a host name in the URL for which the certificate was issued/);
    assert.equal(await assertPrints([command, '--url', url, '--insecure'], /pong|alive/),
      'eventhubctl: warning: --insecure: the server\'s certificate is not verified\n');
    assert.equal(await assertPrints([command, '--url', url, '--insecure', '--quiet'], /pong|alive/), '');
    await assertFails([command, '--url', `wss://127.0.0.1:${server.port}`], NO_CONNECTION, /without TLS, the URL is ws/);
    await assertFails([command, '--url', `ws://127.0.0.1:${server.tlsPort}`], NO_CONNECTION, /TLS, the URL is wss/);
  }
});

test('tokens, and where they come from', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const { write, directory } = temporaryFiles(t);
  const url = `ws://127.0.0.1:${server.port}`;
  const good = signToken(EVERYTHING);
  const expired = signToken({ ...EVERYTHING, exp: secondsFromNow(-10) });
  const file = write('token', `${good}\n`);
  const env = (variables) => ({ env: { EVENTHUB_URL: url, ...variables } });

  await assertFails(['ping'], NOT_PERMITTED, /401 there is no token; set EVENTHUB_TOKEN/, env());
  await assertFails(['ping'], NOT_PERMITTED, /401 the token has expired.*; get a new token/, env({ EVENTHUB_TOKEN: expired }));
  await assertFails(['ping', '--token', 'x'], NOT_PERMITTED, /401/, env({ EVENTHUB_TOKEN: good }));
  await assertFails(['ping', '--token-file', `${directory}/none`], USAGE, /cannot use the token file .*: No such/, env());
  await assertFails(['ping', '--token-file', write('two', 'a\nb\n')], USAGE, /one token, and nothing else/, env());
  for (const variables of [{ EVENTHUB_TOKEN: good }, { EVENTHUB_TOKEN_FILE: file },
    { EVENTHUB_TOKEN: good, EVENTHUB_TOKEN_FILE: '/nonexistent' }]) {
    await assertPrints(['ping'], /^pong from ws:\/\/127\.0\.0\.1:\d+ in [\d.]+ ms\n$/, env(variables));
  }
  await assertPrints(['ping', '--token-file', file], /^pong/, env({ EVENTHUB_TOKEN: expired }));
});

test('ping and health', async (t) => {
  const server = await startServer(t, { LISTEN_ADDRESS: '::1' }, { ready: false });
  const url = `ws://[::1]:${server.port}/`;
  const pings = await runCtl(['ping', '--url', url, '--json', '-c', '3', '-i', '1ms']);
  assert.equal(pings.code, OK, pings.stderr);
  for (const line of pings.stdout.trim().split('\n').map(JSON.parse)) {
    assert.deepEqual(Object.keys(line), ['url', 'ms', 'pong']);
    assert.equal(line.url, url.slice(0, -1));
  }
  assert.match(pings.stderr, /^3 answers: shortest [\d.]+ ms, average [\d.]+ ms, longest [\d.]+ ms\n$/);
  await assertPrints(['health', '--url', url], /^alive\n$/);
  await assertPrints(['health', '--ready', '--url', url], /^ready\n$/);
  await assertPrints(['health', '--json', '--url', url], /^\{"url":"ws:.*","alive":true\}\n$/);
  await assertFails(['ping', '--url', `${url}healthz`], NO_CONNECTION, /not an Eventhub server/);

  const metricsPort = String(await freePort());
  const away = { BROKER: 'redis', REDIS_PORT: String(await freePort()), METRICS_LISTEN_PORT: metricsPort };
  const waiting = await startServer(t, away, { ready: false });
  const health = ['health', '--ready', '--url', `http://127.0.0.1:${metricsPort}`];
  await assertFails(health, NEGATIVE, /not ready: 503 the broker is not ready/);
  const asJson = await runCtl([...health, '--json']);
  assert.equal(asJson.code, NEGATIVE);
  assert.equal(JSON.parse(asJson.stdout).ready, false);
  await assertFails(['health', '--url', `http://127.0.0.1:${waiting.port}`], NO_CONNECTION, /use METRICS_LISTEN_PORT/);
});

function bytesWritten(pid) {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))[1]);
}

test('Ctrl-C, and a reader that stops or goes away', async (t) => {
  const server = await startServer(t);
  const env = { EVENTHUB_URL: `ws://127.0.0.1:${server.port}` };
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const ping = new Process(env, { binary: CTL, args: ['ping', '-c', '1000000', '-i', '5ms'] });
    await ping.until('an answer', () => ping.stdout.includes('pong'));
    ping.signal(signal);
    assert.deepEqual(await ping.untilExit(), { code: INTERRUPTED, signal: null });
    assert.match(ping.stderr, /^$|^\d+ answers: .*\n$/);
    ping.assertNoSanitizerReport();
  }
  const stalled = startCtl(t, server, ['ping', '-c', '1000000', '-i', '0ms']);
  await stalled.until('an answer', () => stalled.stdout.includes('pong'));
  stalled.child.stdout.pause();
  let written = -1;
  await eventually('its output has no way out', () => written === (written = bytesWritten(stalled.child.pid)));
  stalled.signal('SIGTERM');
  assert.deepEqual(await once(stalled.child, 'exit'), [INTERRUPTED, null]);
  stalled.child.stdout.resume();
  const launcher = ['bash', '-c', '"$0" "$@" | head -n 1; echo "${PIPESTATUS[0]}"'];
  for (const args of [['ping', '-c', '1000000', '-i', '1ms'], ['ping', '-c', '2', '-i', '1h']]) {
    const piped = new Process(env, { binary: CTL, args, launcher });
    assert.equal((await piped.untilExit()).code, 0);
    assert.match(piped.stdout, /^pong .*\n141\n$/);
    assert.equal(piped.stderr, '');
  }
});

test('help and completion', async () => {
  await assertPrints(['--version'], /^eventhubctl \d+\.\d+\.\d+\n$/);
  const overview = await runCtl(['help']);
  assert.deepEqual(await runCtl(['--help']), overview);
  const commands = overview.stdout.split('Commands:\n')[1].split('\n\n')[0];
  const names = [...commands.matchAll(/^ {2}(\S+(?: \S+)?)(?: {2,}|$)/gm)].map(([, name]) => name);
  assert.ok(names.includes('ping') && names.includes('token inspect'), commands);
  for (const name of names) {
    const usage = new RegExp(`^Usage: eventhubctl ${name} `);
    const help = await runCtl(['help', ...name.split(' ')]);
    assert.match(help.stdout, usage);
    assert.doesNotMatch(help.stdout.split('Examples:')[0], /^.{81}/m);
    assert.deepEqual(await runCtl([...name.split(' '), '--help']), help);
  }
  const { stdout: script } = await runCtl(['completion', 'bash']);
  const complete = (...words) => execFileSync('bash', ['-c',
    `${script}\nCOMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n_eventhubctl\nprintf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash', 'eventhubctl', ...words], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(complete('pin'), ['ping']);
  assert.deepEqual(complete('token', 'insp'), ['inspect']);
  assert.deepEqual(complete('ping', '--tok'), ['--token', '--token-file']);
  assert.deepEqual(complete('help', '--format', ''), ['text', 'markdown', 'man']);
  for (const shell of ['bash', 'zsh', 'fish']) assert.ok(complete('completion', '').includes(shell));
  assert.deepEqual(complete('help', 'token', ''), ['inspect']);
  const words = names.map((name) => name.split(' '));
  for (const [last, ...first] of words.map((name) => name.toReversed())) {
    assert.ok(complete('help', ...first, '').includes(last), `help ${first} completes ${last}`);
  }
});
