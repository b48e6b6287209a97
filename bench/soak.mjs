// bench/soak.mjs - lets clients come and go, in cycles. Between the cycles no client is connected, and the
// server must return to its initial state: memory, descriptors, threads, wake-ups of its timers, and every
// gauge of /metrics. Prints a table, and fails if something did not return.
//   bench/soak.mjs --minutes=10 --broker=redis|memory [--cycles=10]
// Needs build/bench (made by bench/run) and the Node modules of the integration tests.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { freePort } from '../tests/integration/support/port.mjs';
import { startRedis, startServer } from './programs.mjs';

const WebSocket = createRequire(new URL('../tests/integration/', import.meta.url))('ws');

const LIVES = 100; // clients at a time
const TOPICS = 50; // so that the log is full after the first cycle
const REST_MS = 5000; // how long wake-ups are counted
const RSS_SLACK = 1.03;
const RSS_SLACK_BYTES = 2 * 1024 * 1024;
/** Gauges about the last few seconds, and those that are read from /proc instead. */
const MOMENTARY = /_delay_ms$|_start_time_|process_/;

const below = (n) => Math.floor(Math.random() * n);
const pick = (list) => list[below(list.length)];
const topic = () => `soak/${below(TOPICS)}`;
const filter = () => pick([topic, topic, topic, () => `soak/${below(10)}/#`, () => 'soak/+'])();
const text = () => 'x'.repeat(1 + below(pick([100, 100, 2000, 20_000])));

// ---- lives ----

const counts = { sockets: 0, streams: 0, posts: 0, strays: 0, answers: 0, messages: 0, failures: 0 };

class Client {
  #pending = new Map();

  constructor({ port, tlsPort }) {
    const url = below(3) === 0 ? `wss://127.0.0.1:${tlsPort}/` : `ws://127.0.0.1:${port}/`;
    const perMessageDeflate = below(3) === 0 ? { threshold: 0 } : false;
    this.socket = new WebSocket(url, { rejectUnauthorized: false, perMessageDeflate });
    this.socket.on('message', (data) => this.#take(JSON.parse(data)));
    this.socket.on('error', () => counts.failures++);
    this.socket.on('close', () => this.#pending.forEach((answered) => answered()));
  }

  #take({ id }) {
    const answered = this.#pending.get(id);
    this.#pending.delete(id);
    counts[answered ? 'answers' : 'messages']++;
    answered?.();
  }

  call(method, params) {
    const id = counts.answers + this.#pending.size + below(2 ** 40);
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve) => this.#pending.set(id, resolve));
  }
}

const CALLS = [
  (client) => client.call('subscribe', { topic: filter() }),
  (client) => client.call('subscribe', { topic: topic(), since: -10_000, limit: 20 }),
  (client) => client.call('publish', { topic: topic(), message: text() }),
  (client) => client.call('publish', { topic: topic(), message: text(), key: `k${below(50)}` }),
  (client) => client.call('eventlog', { topic: filter(), since: -10_000, limit: 20 }),
  (client) => client.call('unsubscribe', [filter()]),
  (client) => client.call('presence', { topic: topic() }),
  (client) => client.call('set', { key: topic(), value: text(), ttl: below(60) }),
  (client) => client.call('get', { key: topic() }),
  (client) => client.call('nothing', {}),
];
const ENDINGS = [
  (socket) => socket.close(),
  (socket) => socket.terminate(),
  ({ _socket: raw }) => (raw.encrypted ? raw.destroy() : raw.resetAndDestroy()),
  (socket) => socket.send('{"jsonrpc":"2.0","method":"disconnect"}'),
  (socket) => socket.send(Buffer.from('binary is not spoken')),
];

async function socketLife(server) {
  const client = new Client(server);
  const closed = new Promise((resolve) => client.socket.on('close', resolve));
  client.socket.on('open', async () => {
    const answers = Array.from({ length: 5 + below(20) }, () => pick(CALLS)(client));
    if (below(4) > 0) await Promise.all(answers);
    if (client.socket.readyState === WebSocket.OPEN) pick(ENDINGS)(client.socket);
  });
  await closed;
  counts.sockets++;
}

/** A request over HTTP or HTTPS on a connection of its own; resolves to the answer's head. */
function ask({ port, tlsPort }, method, path, headers = {}, body = undefined) {
  const isTls = below(3) === 0;
  const outgoing = (isTls ? httpsRequest : httpRequest)({
    host: '127.0.0.1', port: isTls ? tlsPort : port, method, path, headers,
    agent: false, rejectUnauthorized: false,
  });
  outgoing.end(body);
  return once(outgoing, 'response').then(([incoming]) => incoming.on('error', () => {}));
}

async function streamLife(server) {
  const path = `/${encodeURIComponent(filter())}?since=-10000`;
  const stream = await ask(server, 'GET', path, { Accept: 'text/event-stream' });
  for (let i = 0; i < 1 + below(5); i++) await Promise.race([once(stream, 'data'), sleep(200)]);
  stream.destroy();
  counts.streams++;
}

async function postLife(server) {
  const answer = await ask(server, 'POST', `/${topic()}`, {}, text());
  await once(answer.resume(), 'end');
  counts.posts++;
}

/** Bytes that are not a request, or not a whole one. */
const STRAYS = ['', '\r\n\0', '\x16\x03\x01\x02\x00', 'GET / HTTP/1.1\r\nHost',
  'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx'];

async function strayLife({ port, tlsPort }) {
  const socket = connect(pick([port, tlsPort]), '127.0.0.1');
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  socket.write(pick(STRAYS));
  await sleep(below(50));
  socket.destroy();
  counts.strays++;
}

const KINDS = [socketLife, socketLife, socketLife, socketLife, streamLife, postLife, strayLife];

async function churn(server, untilMs) {
  const live = async () => {
    while (Date.now() < untilMs) await pick(KINDS)(server).catch(() => counts.failures++);
  };
  await Promise.all(Array.from({ length: LIVES }, live));
}

// ---- what the server holds ----

/** Maps the names of all gauges to their values. */
async function gauges({ port }) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const found = {};
  let isGauge = false;
  for (const line of (await answer.text()).split('\n')) {
    const [first, value, , type] = line.split(' ');
    if (line.startsWith('# TYPE')) isGauge = type === 'gauge';
    else if (isGauge && !line.startsWith('#') && first) found[first] = Number(value);
  }
  return found;
}

/** Returns how often the threads of the process have woken up. */
function wakeups(pid) {
  const of = (task) => readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
  const one = (task) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(of(task))[1]);
  return readdirSync(`/proc/${pid}/task`).map(one).reduce((a, b) => a + b, 0);
}

async function atRest(server) {
  for (let i = 0; ; i++) { // one try per second of the longest deadline of a connection
    const now = await gauges(server);
    if (now.eventhub_subscriptions === 0 && now.eventhub_current_connections_count === 1) break;
    if (i === 120) throw new Error(`not at rest: ${JSON.stringify(now)}`);
    await sleep(500);
  }
  const before = wakeups(server.pid);
  await sleep(REST_MS);
  return {
    rss: server.residentBytes(),
    descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
    threads: readdirSync(`/proc/${server.pid}/task`).length,
    wakeups: (wakeups(server.pid) - before) / (REST_MS / 1000),
    gauges: await gauges(server),
  };
}

/** Returns texts about what is more at the end than it was before. */
function leaks(first, last, highestRss) {
  const found = [];
  const compare = (what, a, b) => a === b || found.push(`${what}: ${a} became ${b}`);
  compare('descriptors', first.descriptors, last.descriptors);
  compare('threads', first.threads, last.threads);
  for (const [name, value] of Object.entries(first.gauges)) {
    if (!MOMENTARY.test(name)) compare(name, value, last.gauges[name]);
  }
  if (last.rss > highestRss * RSS_SLACK + RSS_SLACK_BYTES)
    found.push(`memory: ${highestRss} became ${last.rss}`);
  if (last.wakeups > 1.5 * first.wakeups + 5)
    found.push(`wake-ups: ${first.wakeups} became ${last.wakeups}`);
  return found;
}

// ---- the run ----

const COLUMNS = ['cycle', 'sockets', 'streams', 'posts', 'strays', 'answers', 'messages', 'RSS MB',
  'descriptors', 'threads', 'wake-ups/s', 'connections', 'subscriptions', 'queue'];

function row(cycle, { rss, descriptors, threads, wakeups: perSecond, gauges: now }) {
  const fields = [cycle, counts.sockets, counts.streams, counts.posts, counts.strays,
    counts.answers, counts.messages, (rss / 1e6).toFixed(1), descriptors, threads,
    perSecond.toFixed(1), now.eventhub_current_connections_count, now.eventhub_subscriptions,
    now.eventhub_broker_queue_requests];
  console.log(`| ${fields.join(' | ')} |`);
}

function makeCertificate(dir) {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(dir, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', '/CN=soak', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { ENABLE_SSL: 'true', SSL_CERTIFICATE: cert, SSL_PRIVATE_KEY: key };
}

async function soak(server, minutes, cycles) {
  console.log(`| ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length)}`);
  const rests = [];
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await churn(server, Date.now() + (minutes * 60_000) / cycles);
    rests.push(await atRest(server));
    row(cycle, rests.at(-1));
  }
  const warm = rests.slice(1, Math.ceil(cycles / 2) + 1); // the first cycle filled what is bounded
  return leaks(warm[0], rests.at(-1), Math.max(...warm.map(({ rss }) => rss)));
}

const { values } = parseArgs({ options: {
  minutes: { type: 'string', default: '10' },
  cycles: { type: 'string', default: '10' },
  broker: { type: 'string', default: 'redis' },
} });
const dir = mkdtempSync(join(tmpdir(), 'eventhub-soak-'));
const redis = values.broker === 'redis' ? await startRedis() : null;
const tlsPort = await freePort();
const server = await startServer(redis, {
  ...makeCertificate(dir), SSL_LISTEN_PORT: String(tlsPort), WORKER_THREADS: '2',
  ENABLE_COMPRESSION: 'true', MAX_CACHE_LENGTH: '100', WEBSOCKET_HANDSHAKE_TIMEOUT: '2',
  PING_INTERVAL: '5',
});
Object.assign(server, { tlsPort });
try {
  const found = await soak(server, Number(values.minutes), Number(values.cycles));
  console.log(found.length ? `\nDid NOT return to the initial state:\n${found.join('\n')}` : '\nReturned to the initial state.');
  console.log(`failures seen by clients: ${counts.failures}`);
  process.exitCode = found.length ? 1 : 0;
} finally {
  await server.stop();
  await redis?.stop();
  rmSync(dir, { recursive: true });
}
