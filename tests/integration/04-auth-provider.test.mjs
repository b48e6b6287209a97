// Keys of an identity provider (JWT_JWKS_URL): a real HTTPS server, which is replaced, slow, away or wrong.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { describe, test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { temporaryFiles } from './support/files.mjs';
import { httpGet } from './support/http.mjs';
import { signToken, signTokenAs } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const CLAIMS = { read: ['#'], write: ['#'] };
const pair = (type, options) => generateKeyPairSync(type, options);
const RSA = pair('rsa', { modulusLength: 2048 });
const EC = pair('ec', { namedCurve: 'P-256' });
const ED = pair('ed25519');

const jwk = ({ publicKey }, members) => ({ ...publicKey.export({ format: 'jwk' }), ...members });
const setOf = (...keys) => JSON.stringify({ keys });
const token = (alg, { privateKey }, kid) => signTokenAs(alg, privateKey, CLAIMS, { kid });

/** An identity provider, which answers as `answer(response)` says; `url`, and how often it was asked. */
class Provider {
  asked = 0;
  askedAt = 0;
  answer = (response) => response.end('{}');

  constructor(server, url) {
    this.server = server;
    this.url = url;
    server.on('request', (request, response) => {
      this.asked++;
      this.askedAt = Date.now();
      this.answer(response, request);
    });
  }

  publish(...keys) {
    this.answer = (response) => response.end(setOf(...keys));
  }

  /** Reports whether the set is too young to be fetched again for an unknown kid. */
  isFresh() {
    return Date.now() - this.askedAt < 9000;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}

async function startProvider(t, tls, { port = 0 } = {}) {
  const server = tls ? https.createServer(tls) : http.createServer();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  const provider = new Provider(server, `${tls ? 'https' : 'http'}://localhost:${server.address().port}/jwks.json`);
  defer(t, () => provider.close());
  return provider;
}

const readPair = ({ cert, key }) => ({ cert: readFileSync(cert), key: readFileSync(key) });

function startWith(t, provider, options = {}) {
  return startServer(t, { DISABLE_AUTH: 'false', JWT_JWKS_URL: provider.url, ...options }, { ready: false });
}

async function answerTo(t, server, bearer) {
  const socket = await openSocket(t, server);
  await socket.send(handshake({ Authorization: `Bearer ${bearer}` }));
  return socket.readResponse();
}

const statusOf = async (...args) => (await answerTo(...args)).status;
const failure = (server) => /event=jwks_failed why="?([^"\n]*)"?/.exec(server.stderr)?.[1];
const untilFailed = (server) => server.until('a failure', () => failure(server));

// Each of these is an answer that must not become keys; the server says why in one line.
const BIG = setOf({ kty: 'RSA', pad: 'x'.repeat(10 << 20) });
const WRONG = {
  'a redirect': [(response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(), /redirects to another URL \(302\)/],
  'an error': [(response) => response.writeHead(500).end(), /answered with the status 500/],
  'garbage': [(response) => response.end('\0\x01\x02'), /not a JSON key set/],
  '10 MB with their length': [(response) => response.writeHead(200, { 'Content-Length': BIG.length }).end(BIG), /longer than 256k|Maximum file size/],
  '10 MB without': [(response) => { response.write(BIG.slice(0, 1000)); response.end(BIG.slice(1000)); }, /longer than 256k/],
  'a head without end': [(response) => {
    response.socket.on('error', () => {});
    response.socket.write('HTTP/1.1 200 OK\r\n');
    for (let i = 0; i < 40; i++) response.socket.write(`X-${i}: ${'y'.repeat(8000)}\r\n`);
  }, /longer than 256k|Too large/],
  'half an answer': [(response) => { response.writeHead(200, { 'Content-Length': 1000 }); response.write('{', () => response.destroy()); }, /transfer closed|Failure when receiving|peer/i],
  'a private key': [(response) => response.end(setOf({ ...ED.privateKey.export({ format: 'jwk' }) })), /private key/],
  'no key that can verify': [(response) => response.end(setOf(jwk(RSA, { use: 'enc' }))), /the use of the key is not sig/],
};

const OTHER_EC = pair('ec', { namedCurve: 'P-256' });
const ROTATIONS = [
  ['an unknown kid', { jwk: jwk(RSA, { kid: 'r' }), token: token('RS256', RSA, 'r') },
    { jwk: jwk(EC, { kid: 'next' }), token: token('ES256', EC, 'next') },
    [1, 2, 3].map((i) => token('ES256', EC, `made-up-${i}`))],
  ['a set without kids', { jwk: jwk(EC), token: token('ES256', EC, 'ignored') },
    { jwk: jwk(OTHER_EC), token: token('ES256', OTHER_EC, 'ignored') },
    [token('ES256', EC), token('RS256', RSA), token('EdDSA', ED, 'ignored')]],
  ['a token without a kid', { jwk: jwk(EC, { kid: 'e' }), token: token('ES256', EC) },
    { jwk: jwk(OTHER_EC, { kid: 'o' }), token: token('ES256', OTHER_EC) },
    [token('ES256', EC), token('RS256', RSA)]],
];
const WAITS = { skip: SANITIZED && 'the schedule alone decides, and the tests below fetch as often' };

describe('a provider', { concurrency: 6 }, () => {
  for (const [what, before, after, forged] of ROTATIONS) {
    test(`asks for keys again when the set is 10 seconds old: ${what}`, WAITS, async (t) => {
      const provider = await startProvider(t, null);
      provider.publish(before.jwk);
      const server = await startWith(t, provider);
      await server.untilReadiness(200);
      const client = await openClient(t, server, { headers: { Authorization: before.token } });
      provider.publish(after.jwk);
      const first = await statusOf(t, server, after.token);
      if (provider.isFresh()) assert.deepEqual([first, provider.asked], [401, 1]);

      let last;
      await eventually('the set is fetched again', async () => {
        last = await answerTo(t, server, after.token);
        return last.status !== 401;
      });
      if (last.status === 503) {
        assert.equal(last.headers['retry-after'], '2');
        assert.match(JSON.parse(last.body).error, /no known key verifies the token, and the keys are being fetched/);
      }
      await eventually('the key is there', async () => await statusOf(t, server, after.token) === 101);
      assert.equal(provider.asked, 2);
      for (const bearer of [...forged, before.token]) {
        const status = await statusOf(t, server, bearer);
        if (provider.isFresh()) assert.deepEqual([status, provider.asked], [401, 2]);
      }
      const error = await errorOf(client.call('auth', { token: forged[0] }));
      if (provider.isFresh()) assert.equal(error.code, -32602);
    });
  }

  test('keys of a provider with TLS', async (t) => {
    const authority = await makeAuthority(t);
    const provider = await startProvider(t, readPair(await authority.issue(LOOPBACK)));
    provider.publish(jwk(RSA, { kid: 'r', alg: 'RS256' }), jwk(EC, { kid: 'e' }), { kty: 'oct', k: 'AAAA' });
    const { write } = temporaryFiles(t);
    const server = await startWith(t, provider, {
      JWT_JWKS_CA: authority.ca, JWT_KEYS_FILE: write('keys', 'own HS256 a secret of our backend\n'),
      JWT_JWKS_REFRESH: '1',
    });
    await server.untilReadiness(200);
    await server.until('the set', () => /event=jwks_fetched keys=2/.test(server.stderr));
    await server.until('what was skipped', () =>
      /event=keys_skipped from=JWT_JWKS_URL keys=1/.test(server.stderr));
    assert.match(server.stderr, /event=any_audience/);
    const linesOf = (event) => server.stderr.split('\n').filter((line) => line.includes(`event=${event} `));

    await t.test('verify tokens, beside those of the options', async (t) => {
      assert.equal(await statusOf(t, server, token('RS256', RSA, 'r')), 101);
      assert.equal(await statusOf(t, server, token('ES256', EC, 'e')), 101);
      const own = signToken(CLAIMS, { secret: 'a secret of our backend', header: { kid: 'own' } });
      assert.equal(await statusOf(t, server, own), 101);
      assert.equal(await statusOf(t, server, token('RS512', RSA, 'r')), 401);
      assert.equal(await statusOf(t, server, token('RS256', pair('rsa', { modulusLength: 2048 }), 'r')), 401);
      assert.equal(await statusOf(t, server, signToken(CLAIMS, { secret: 'eventhub_secret' })), 401);
    });

    await t.test('are replaced while clients are connected', async (t) => {
      const headers = { Authorization: token('RS256', RSA, 'r') };
      const client = await openClient(t, server, { headers });
      await server.until('the set again', () => linesOf('jwks_fetched').length > 1);
      provider.publish(jwk(ED, { kid: 'new' }));
      await eventually('the new key is used', async () =>
        await statusOf(t, server, token('EdDSA', ED, 'new')) === 101);
      await client.roundTrip();
      await eventually('the old key is gone', async () =>
        await statusOf(t, server, token('RS256', RSA, 'r')) === 401);
      assert.equal(linesOf('keys_skipped').length, 1, 'the same keys are not reported at each fetch');
    });

    await t.test('stay while the provider is away, or sends what is no set', async (t) => {
      const port = provider.server.address().port;
      const before = await server.metrics();
      provider.answer = (response) => response.end('<html>Maintenance</html>');
      await server.untilMetric('failures', (now) =>
        now.jwks_fetches_total.failed > before.jwks_fetches_total.failed);
      await untilFailed(server);
      assert.match(failure(server), /the text is not a JSON key set/);
      assert.match(server.stderr, /the keys that were fetched before stay in use/);
      await provider.close();
      await server.until('the connection is refused', () => /Couldn't connect to server/.test(server.stderr));
      assert.equal(await statusOf(t, server, token('EdDSA', ED, 'new')), 101);
      assert.equal((await httpGet(server, '/readyz')).status, 200);

      const again = await startProvider(t, readPair(await authority.issue(LOOPBACK)), { port });
      again.publish(jwk(EC, { kid: 'back' }));
      await eventually('the provider is asked again', async () =>
        await statusOf(t, server, token('ES256', EC, 'back')) === 101);
    });
  });

  test('without keys yet', async (t) => {
    const port = await freePort();
    const provider = { url: `http://127.0.0.1:${port}/jwks.json` };
    const server = await startWith(t, provider, { JWT_JWKS_REFRESH: '1' });
    await untilFailed(server);

    await t.test('answers 503 to tokens and says why it is not ready', async (t) => {
      const answer = await answerTo(t, server, token('RS256', RSA, 'r'));
      assert.equal(answer.status, 503);
      assert.equal(answer.headers['retry-after'], '2');
      assert.match(JSON.parse(answer.body).error, /the keys of tokens are not known yet/);
      const ready = await httpGet(server, '/readyz');
      assert.equal(ready.status, 503);
      assert.match(JSON.parse(ready.body).error, /^the keys of tokens are not known yet: the key provider cannot be reached$/);
      assert.equal((await httpGet(server, '/healthz')).status, 200);
      const post = await fetch(`http://127.0.0.1:${server.port}/a`, {
        method: 'POST', body: 'x', headers: { Authorization: `Bearer ${token('RS256', RSA, 'r')}` },
      });
      assert.deepEqual([post.status, post.headers.get('retry-after')], [503, '2']);
      const stream = await fetch(`http://127.0.0.1:${server.port}/a?auth=${token('RS256', RSA, 'r')}`, {
        headers: { Accept: 'text/event-stream' },
      });
      assert.equal(stream.status, 200); // a browser gives up for good after any other status
      assert.match(await stream.text(), /the keys of tokens are not known yet/);
      const { refused_requests_total: refused } = await server.metrics();
      assert.deepEqual([refused.keys_unavailable, refused.unauthorized], [3, 0]);
    });

    await t.test('answers 401 to what is no token', async (t) => {
      assert.equal(await statusOf(t, server, 'a.b'), 401);
      assert.equal(await statusOf(t, server, ''), 401);
    });

    await t.test('begins to work when the provider is there', async (t) => {
      const late = await startProvider(t, null, { port });
      late.publish(jwk(RSA, { kid: 'r' }));
      await server.untilReadiness(200);
      assert.equal(await statusOf(t, server, token('PS512', RSA, 'r')), 101);
    });
  });

  test('refuses what is no key set', { concurrency: true }, async (t) => {
    await Promise.all(Object.entries(WRONG).map(([what, [answer, why]]) => t.test(what, async (t) => {
      const provider = await startProvider(t, null);
      provider.answer = answer;
      const server = await startWith(t, provider);
      await untilFailed(server);
      assert.match(failure(server), why);
      assert.equal(await statusOf(t, server, token('RS256', RSA, 'r')), 503);
      const ready = await httpGet(server, '/readyz');
      assert.match(ready.body, /not known yet: the key provider (did not answer with keys that can be used|cannot be reached)"/);
    })));
  });

  test('refuses a provider with a wrong certificate', async (t) => {
    const [ours, theirs] = [await makeAuthority(t), await makeAuthority(t)];
    const cases = {
      'of another authority': [await theirs.issue(LOOPBACK), /certificate/],
      'for another name': [await ours.issue('DNS:elsewhere.example'), /no alternative certificate subject name|SSL/],
    };
    for (const [what, [certificate, why]] of Object.entries(cases)) {
      await t.test(what, async (t) => {
        const provider = await startProvider(t, readPair(certificate));
        provider.publish(jwk(RSA, { kid: 'r' }));
        const server = await startWith(t, provider, { JWT_JWKS_CA: ours.ca });
        await untilFailed(server);
        assert.match(failure(server), why);
        assert.equal(provider.asked, 0);
      });
    }
  });

  test('keeps the password of the proxy to itself', async (t) => {
    for (const proxy of ['ftp://user:p4ss@127.0.0.1:1', 'http://user:p4ss@[::1:2']) {
      const provider = { url: 'https://login.example/keys' };
      const server = await startWith(t, provider, { HTTPS_PROXY: proxy });
      await untilFailed(server);
      assert.doesNotMatch(server.stderr + (await httpGet(server, '/readyz')).body, /p4ss|\buser\b/);
      await server.stop();
    }
  });

  test('does not wait for a slow provider when it stops, nor while it serves', async (t) => {
    const provider = await startProvider(t, null);
    provider.answer = () => {}; // never
    const server = await startWith(t, provider);
    await eventually('the provider is asked', () => provider.asked === 1);
    assert.equal(await statusOf(t, server, token('RS256', RSA, 'r')), 503);
    const delayMs = watchDelays();
    const begun = Date.now();
    await server.stop();
    assert.ok(Date.now() - begun < 5000 + delayMs(), 'the fetch was ended');
  });

  test('loads libcurl only for a provider', async (t) => {
    const loads = ({ child }) => readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes('libcurl');
    const provider = await startProvider(t, null);
    assert.equal(loads(await startWith(t, provider)), true);
    assert.equal(loads(await startServer(t)), false);
    const { directory, write } = temporaryFiles(t);
    write('libcurl.so.4', '');
    const { code, stderr } = await runToExit({ JWT_JWKS_URL: provider.url, LD_LIBRARY_PATH: directory },
      { args: ['--check-config'] });
    assert.equal(code, 1);
    assert.match(stderr, /^eventhub: JWT_JWKS_URL needs libcurl 7.87 or later: .*file too short\n$/);
  });

  test('options of a provider', async (t) => {
    const bad = [
      [{ JWT_JWKS_URL: 'http://login.example/keys' }, /JWT_JWKS_URL must be https:.*, not an http URL of another machine/],
      [{ JWT_JWKS_URL: 'https://user:p4ss@login.example/keys' }, /not a URL with a user or password/],
      [{ JWT_JWKS_URL: 'login.example' }, /JWT_JWKS_URL must be https/],
      [{ JWT_JWKS_REFRESH: '0' }, /JWT_JWKS_REFRESH must be a number from 1 to 86400/],
      [{ JWT_JWKS_CA: '/nowhere/ca.pem', JWT_JWKS_URL: 'https://login.example/keys' }, /JWT_JWKS_CA: CA certificate \/nowhere\/ca.pem: No such file/],
    ];
    for (const [options, why] of bad) {
      await t.test(`refuses ${Object.values(options).join(' ')}`, async () => {
        const { code, stderr } = await runToExit({ BROKER: 'memory', ...options }, { args: ['--check-config'] });
        assert.equal(code, 1);
        assert.match(stderr, why);
        assert.match(stderr, /^eventhub: [^\n]+\n$/);
        assert.doesNotMatch(stderr, /p4ss/);
      });
    }
  });
});
