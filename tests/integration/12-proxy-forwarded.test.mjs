// TRUSTED_PROXIES: the proxies whose X-Forwarded-For the server believes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { peerOf, TELLS_PEERS } from './support/peer.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';

function startTrusting(t, list, more = {}) {
  return startServer(t, { ...TELLS_PEERS, TRUSTED_PROXIES: list, ...more });
}

function forwarded(value) {
  return { fields: { 'X-Forwarded-For': value } };
}

test('X-Forwarded-For from a trusted proxy', async (t) => {
  const server = await startTrusting(t, '127.0.0.0/8, 10.0.0.7,fd00::/8');
  const cases = [
    ['1.2.3.4', '1.2.3.4:0'],
    ['6.6.6.6, 1.2.3.4', '1.2.3.4:0'],
    ['6.6.6.6, 1.2.3.4, 10.0.0.7', '1.2.3.4:0'],
    ['2001:db8::1, fd00::1', '[2001:db8::1]:0'],
    ['1.2.3.4:99', '1.2.3.4:99'],
    ['10.0.0.7', '10.0.0.7:0'],
    ['1.2.3.4, nobody', /^127\.0\.0\.1:\d+$/],
  ];
  for (const [value, want] of cases) {
    await t.test(`finds the client in "${value}"`, async (t) => {
      const peer = await peerOf(t, server, forwarded(value));
      if (want instanceof RegExp) assert.match(peer, want);
      else assert.equal(peer, want);
    });
  }

  await t.test('finds the client of each request of a connection', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(requestHead('GET /healthz HTTP/1.1',
      { Host: 'x', 'X-Forwarded-For': '1.2.3.4' }));
    assert.equal((await socket.readResponse()).status, 200);
    assert.match(await peerOf(t, server, { socket }), /^127\.0\.0\.1:\d+$/);
  });
});

test('ignores X-Forwarded-For from other addresses', async (t) => {
  for (const list of ['', '10.0.0.0/8, ::1']) {
    const server = await startTrusting(t, list);
    assert.match(await peerOf(t, server, forwarded('1.2.3.4')), /^127\.0\.0\.1:\d+$/);
  }
});

test('checks the address in the PROXY header against TRUSTED_PROXIES', async (t) => {
  const server = await startServer(t,
    { ...TELLS_PEERS, PROXY_PROTOCOL: 'true', TRUSTED_PROXIES: '10.0.0.7' }, { ready: false });
  const from = (ip) => ({ before: `PROXY TCP4 ${ip} 127.0.0.1 4711 80\r\n`, ...forwarded('1.2.3.4') });
  assert.equal(await peerOf(t, server, from('10.0.0.7')), '1.2.3.4:0');
  assert.equal(await peerOf(t, server, from('10.0.0.8')), '10.0.0.8:4711');
});

for (const list of ['proxy.example', '10.0.0.0/33', '10.0.0.1,', '10.0.0.1 10.0.0.2']) {
  test(`refuses TRUSTED_PROXIES=${list}`, async () => {
    const { code, stderr } = await runToExit({ TRUSTED_PROXIES: list });
    assert.equal(code, 1);
    assert.match(stderr, /^eventhub: TRUSTED_PROXIES must be [^\n]*10\.0\.0\.0\/8[^\n]*\n$/);
  });
}
