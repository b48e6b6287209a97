// The configurations of docs/proxies.md, word for word, with two nodes behind the proxy.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { documentedFor } from './support/documented.mjs';
import { runSession } from './support/jsclient.mjs';
import { NGINX, startNginx } from './support/nginx.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { httpsGet, openTls, tlsOptions } from './support/tls.mjs';
import { eventually, within } from './support/wait.mjs';

const documented = documentedFor(import.meta.url);
const PACE_MS = 50; // between clients during a drain: often enough, but leaves CPU to others
const CLIENTS_MIN = 4; // during a drain, so that the proxy tries both nodes
const ADDRESSES = ['127.0.0.11', '127.0.0.12'];

function startHaproxy(file, config) {
  writeFileSync(file, config);
  return spawn(HAPROXY, ['-db', '-f', file], { stdio: 'ignore' });
}

function startCaddy(file, config, dir) {
  writeFileSync(file, `{
  admin off
  auto_https disable_redirects
}
${config}`);
  const env = { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
  return spawn(CADDY, ['run', '--config', file, '--adapter', 'caddyfile'], { stdio: 'ignore', env });
}

const HAPROXY = '/usr/sbin/haproxy';
const CADDY = '/usr/bin/caddy';
const HTTP = { TRUSTED_PROXIES: '127.0.0.1', DRAIN_DELAY: '6', SHUTDOWN_TIMEOUT: '7' };
const TLS = { ...HTTP, TRUSTED_PROXIES: '', PROXY_PROTOCOL: 'true', DISABLE_UNSECURE_LISTENER: 'true' };
const PROXIES = {
  'nginx': {
    config: documented('docs/proxies.md', 'nginx'),
    binary: NGINX, start: startNginx, options: { ...HTTP, DRAIN_DELAY: '0' },
  },
  'HAProxy, with TLS in HAProxy': {
    config: documented('docs/proxies.md', 'HAProxy, with TLS in HAProxy'),
    binary: HAPROXY, start: startHaproxy, options: HTTP,
  },
  'HAProxy, with TLS in Eventhub': {
    config: documented('docs/proxies.md', 'HAProxy, with TLS in Eventhub'),
    binary: HAPROXY, start: startHaproxy, options: TLS, isBytesOnly: true,
  },
  'Caddy': {
    config: documented('docs/proxies.md', 'Caddy'),
    binary: CADDY, start: startCaddy, options: HTTP,
  },
};

/** What to replace in the documented configuration, and with what: [there, here]. */
function places({ front, ports, pair, both }) {
  return [
    ['10.0.0.11', ADDRESSES[0]], ['10.0.0.12', ADDRESSES[1]],
    [':8080', `:${ports.http}`], [':8443', `:${ports.https}`], ['9100', ports.metrics],
    ['example.com {', `https://localhost:${front}, https://127.0.0.1:${front} {`],
    ['listen 443', `listen 127.0.0.1:${front}`], ['bind :443', `bind 127.0.0.1:${front}`],
    ['/etc/ssl/example.pem', pair.cert], ['/etc/ssl/example.key', pair.key],
    ['/etc/haproxy/example.pem', both],
  ];
}

async function startNodes(t, options, ports, pair) {
  const redis = await startRedis(t);
  const isTls = options.PROXY_PROTOCOL === 'true';
  const nodes = [];
  for (const address of ADDRESSES) {
    const node = await startServer(t, {
      ...redis.options, ...options, LISTEN_ADDRESS: address, LISTEN_PORT: String(ports.http),
      ...(isTls && { ...tlsOptions(pair), SSL_LISTEN_PORT: String(ports.https), METRICS_LISTEN_PORT: String(ports.metrics) }),
      LOG_LEVEL: 'debug',
      ...(nodes.length > 0 && { DRAIN_DELAY: '0' }), // only the first one is to drain slowly
    }, { ready: false });
    await node.until('the node is ready', () => /event=broker_ready/.test(node.stderr));
    nodes.push(node);
  }
  return nodes;
}

/** Ends the proxy after the test. */
function endAfter(t, child) {
  const gone = new Promise((resolve) => child.on('close', resolve));
  defer(t, async () => {
    child.kill('SIGTERM');
    await within(gone, 'end of the proxy');
  });
}

/** Starts the proxy with two nodes behind it: { tlsPort, ca, nodes, authority }. */
async function startProxy(t, name) {
  const { start, options, config: text } = PROXIES[name];
  const authority = await makeAuthority(t);
  const pair = await authority.issue(LOOPBACK);
  const both = join(authority.dir, 'both.pem');
  writeFileSync(both, readFileSync(pair.cert, 'utf8') + readFileSync(pair.key, 'utf8'));
  const ports = { http: await freePort(), https: await freePort(), metrics: await freePort() };
  const front = await freePort();
  const nodes = await startNodes(t, options, ports, pair);
  let config = text;
  for (const [there, here] of places({ front, ports, pair, both })) config = config.replaceAll(there, here);
  endAfter(t, start(join(authority.dir, 'proxy.conf'), config, authority.dir));
  const proxy = { tlsPort: front, ca: authority.pem, nodes, authority };
  await eventually('the proxy answers', () =>
    httpsGet(proxy, '/nowhere').then(({ status }) => status === 404, () => false));
  return proxy;
}

/** Asserts that an event stream gets a message as soon as it is published. */
async function tryStream(t, front, client) {
  const stream = await openTls(t, front);
  stream.socket.write('GET /streamed HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  await stream.untilReceived(/:ok/);
  await client.publish('streamed', 'as it comes');
  await stream.untilReceived(/data: ?as it comes/);
}

/**
 * Asserts that a browser, which accepts compression, gets history and live messages as they come. Caddy
 * decides at the first bytes, which must be many: so the stream begins with a remark about a long parameter.
 */
async function tryCompression(t, front, client) {
  await client.publishAll('history', ['x'.repeat(3000), 'last of the history']);
  const stream = await openTls(t, front);
  stream.socket.write(`GET /history?since=-60000&${'x'.repeat(1000)}=1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n` +
    'Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n');
  await stream.untilReceived(/data: ?last of the history/);
  await client.publish('history', 'as it comes');
  await stream.untilReceived(/data: ?as it comes/);
}

/** Stops the last node, and asserts that a stream is told to come back, and other requests that it is away. */
async function tryAbsence(front) {
  for (const node of front.nodes) if (!node.exit) await node.stop();
  const page = { Origin: 'https://app.example' };
  const answer = await eventually('streams are told to come back', async () => {
    const stream = await httpsGet(front, '/streamed', { ...page, Accept: 'text/event-stream' });
    return stream.status === 200 && stream;
  });
  assert.equal(answer.headers['content-type'], 'text/event-stream');
  assert.equal(answer.headers['access-control-allow-origin'], page.Origin);
  assert.equal(answer.headers['access-control-allow-credentials'], 'true');
  assert.equal(answer.body, 'retry: 5000\n\n');
  assert.match(String((await httpsGet(front, '/other', page)).status), /^50[23]$/);
}

/**
 * Drains a node and asserts that every client that connects meanwhile is served. Without a drain delay
 * this holds from when the node no longer listens: it closes clients accepted in the last moment.
 */
async function tryDrain(t, front, { DRAIN_DELAY }) {
  const [node] = front.nodes;
  node.signal('SIGTERM');
  if (DRAIN_DELAY === '0') await node.until('the drain begins', () => /event=draining/.test(node.stderr));
  for (let n = 0; n < CLIENTS_MIN || !node.exit; n++) {
    const client = await openClient(t, front, { ca: front.ca });
    await client.roundTrip();
    client.socket.close(1000);
    await client.untilClosed();
    await delay(PACE_MS);
  }
  await node.stop();
}

for (const [name, { binary, options, isBytesOnly }] of Object.entries(PROXIES)) {
  const missing = !process.env.CI && !existsSync(binary) && `${binary} is missing`;
  test(`serves clients behind ${name}`, { skip: missing }, async (t) => {
    const front = await startProxy(t, name);
    assert.equal((await runSession(front, front.authority)).message, 'over TLS');

    const client = await openClient(t, front, { ca: front.ca });
    const port = client.socket._socket.localPort;
    const got = await client.subscribe('through/#');
    const large = 'x'.repeat(500_000);
    await client.publish('through/1', large);
    await got.untilText(large);
    await tryStream(t, front, client);
    await tryCompression(t, front, client);
    client.socket.close(1000);
    await client.untilClosed();
    assert.equal(client.closed.code, 1000);

    // X-Forwarded-For has the client's address and no port.
    const peer = `127\\.0\\.0\\.1:${options.PROXY_PROTOCOL ? port : 0}\\b`;
    const log = () => front.nodes.map(({ stderr }) => stderr).join('');
    await eventually('the client in the log', () =>
      new RegExp(`event=disconnected .*peer="?${peer}`).test(log()));
    const expected = options.PROXY_PROTOCOL ? 404 : 403; // on another port, or denied
    for (const path of ['/metrics', '/healthz', '/readyz', '/metrics/', '/healthz/', '/readyz/']) {
      assert.equal((await httpsGet(front, path)).status, expected, path);
    }
    await tryDrain(t, front, options);
    if (!isBytesOnly) await tryAbsence(front);
  });
}

test('serves clients behind nginx over a Unix socket', { skip: !process.env.CI && !existsSync(NGINX) && `${NGINX} is missing` },
  async (t) => {
    const authority = await makeAuthority(t);
    const pair = await authority.issue(LOOPBACK);
    const path = join(authority.dir, 'eventhub.sock');
    const upstream = documented('docs/proxies.md', 'nginx on the same machine');
    let config = PROXIES.nginx.config.replace(/upstream eventhub \{[^}]*\}/, upstream);
    assert.ok(config.includes(upstream));
    const front = { tlsPort: await freePort(), ca: authority.pem };
    for (const [there, here] of [...places({ front: front.tlsPort, ports: {}, pair }),
      ['/run/eventhub/eventhub.sock', path]]) config = config.replaceAll(there, here);
    chmodSync(authority.dir, 0o755); // nginx serves as another user
    const node = await startServer(t, { LISTEN_UNIX: path, LISTEN_UNIX_MODE: '666', LOG_LEVEL: 'debug' });
    endAfter(t, startNginx(join(authority.dir, 'proxy.conf'), config, authority.dir));
    await eventually('the proxy answers', () =>
      httpsGet(front, '/nowhere').then(({ status }) => status === 404, () => false));

    assert.equal((await runSession(front, authority)).message, 'over TLS');
    const client = await openClient(t, front, { ca: front.ca });
    await tryStream(t, front, client);
    client.socket.close(1000);
    await client.untilClosed();
    await node.until('the client in the log', () => /event=disconnected .*peer="?127\.0\.0\.1:0\b/.test(node.stderr));
  });
