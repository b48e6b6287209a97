// Clients as they are used: the npm package over wss, directly and through the proxies that people
// put in front.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { freePort } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { httpsGet, startTlsServer } from './support/tls.mjs';
import { eventually, within } from './support/wait.mjs';

const SESSION = fileURLToPath(new URL('support/jsclient-session.mjs', import.meta.url));

/** The npm client's session with the server, trusting the authority; what it received. */
async function runSession({ tlsPort }, authority) {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.ca };
  const args = [SESSION, `wss://localhost:${tlsPort}`];
  const { stdout } = await within(
    promisify(execFile)(process.execPath, args, { env }), 'the session');
  return JSON.parse(stdout);
}

test('eventhub-jsclient over wss', async (t) => {
  const server = await startTlsServer(t);
  const message = await runSession(server, server.authority);
  assert.equal(message.message, 'over TLS');
  assert.equal(message.topic, 'session/1');
});

test('eventhub-jsclient does not trust just anybody', async (t) => {
  const server = await startTlsServer(t);
  await assert.rejects(runSession(server, await makeAuthority(t, 'Other')));
});

function nginxConfig({ dir, tlsPort, port, pair }) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(dir, name)};`).join(' ');
  return `daemon off; pid ${join(dir, 'nginx.pid')}; error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off; ${temporary}
  map $http_upgrade $connection_header { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${pair.cert};
    ssl_certificate_key ${pair.key};
    location / {
      proxy_pass http://127.0.0.1:${port};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`;
}

function haproxyConfig({ dir, tlsPort, port, pair }) {
  const both = join(dir, 'both.pem');
  writeFileSync(both, readFileSync(pair.cert, 'utf8') + readFileSync(pair.key, 'utf8'));
  return `global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend tls
  bind 127.0.0.1:${tlsPort} ssl crt ${both} alpn h2,http/1.1
  default_backend eventhub
backend eventhub
  option httpchk GET /healthz
  server one 127.0.0.1:${port} check
`;
}

const PROXIES = {
  nginx: { binary: '/usr/sbin/nginx', args: (config) => ['-c', config], config: nginxConfig },
  HAProxy: { binary: '/usr/sbin/haproxy', args: (config) => ['-f', config], config: haproxyConfig },
};

/** The proxy in front of a server: { tlsPort, ca }, as for a server that speaks TLS itself. */
async function startProxy(t, { binary, args, config }, server, authority) {
  const settings = {
    dir: authority.dir,
    port: server.port,
    tlsPort: await freePort(),
    pair: await authority.issue(LOOPBACK),
  };
  const file = join(authority.dir, 'proxy.conf');
  writeFileSync(file, config(settings));
  const child = spawn(binary, args(file), { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.on('close', resolve));
  defer(t, async () => {
    child.kill('SIGTERM');
    await within(gone, 'end of the proxy');
  });
  return { tlsPort: settings.tlsPort, ca: authority.pem };
}

for (const [name, proxy] of Object.entries(PROXIES)) {
  const missing = !process.env.CI && !existsSync(proxy.binary) && `${proxy.binary} is missing`;
  test(`wss and HTTPS behind ${name}`, { skip: missing }, async (t) => {
    const authority = await makeAuthority(t);
    const server = await startServer(t);
    const front = await startProxy(t, proxy, server, authority);
    await eventually('the proxy answers', () =>
      httpsGet(front, '/readyz').then(({ status }) => status === 200, () => false));

    assert.equal((await runSession(front, authority)).message, 'over TLS');
    assert.match((await httpsGet(front, '/metrics')).body, /^eventhub_worker_count /m);
    const client = await openClient(t, front, { ca: front.ca });
    const got = await client.subscribe('through/#');
    const large = 'x'.repeat(500_000);
    await client.publish('through/1', large);
    await got.untilText(large);
    client.socket.close(1000);
    await client.untilClosed();
    assert.equal(client.closed.code, 1000);
  });
}
