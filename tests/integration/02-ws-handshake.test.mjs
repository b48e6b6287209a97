// The opening handshake of RFC 6455, section 4.2.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import {
  handshake, handshakeFields, openBarrier, openSocket, openWebSocket, readUpgrade, requestHead,
} from './support/socket.mjs';

const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

async function answerTo(t, server, head) {
  const socket = await openSocket(t, server);
  await socket.send(head);
  return socket.readResponse();
}

test('handshake', async (t) => {
  const server = await startServer(t);

  const accepted = [
    ['as in the RFC', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }, '/'],
    ['any path', {}, '/chat/room'],
    ['a query', {}, '/?auth=undefined'],
    ['Upgrade in other letters', { Upgrade: 'WebSocket' }, '/'],
    ['Connection as a list', { Connection: 'keep-alive, UPGRADE' }, '/'],
    ['extensions that we do not have', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, '/'],
    ['an Origin', { Origin: 'https://app.example' }, '/'],
  ];
  for (const [name, fields, target] of accepted) {
    await t.test(`accepts ${name}`, async (t) => {
      const socket = await openWebSocket(t, server, { fields, target });
      await socket.send(frame(OP.TEXT, PING));
      assert.equal((await socket.readJson()).id, 1);
    });
  }

  const refused = [
    ['no version', { 'Sec-WebSocket-Version': undefined }, 426],
    ['version 8', { 'Sec-WebSocket-Version': '8' }, 426],
    ['version 14', { 'Sec-WebSocket-Version': '14' }, 426],
    ['no key', { 'Sec-WebSocket-Key': undefined }, 400],
    ['a key of 15 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }, 400],
    ['a key of 17 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }, 400],
    ['a key that is not base64', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400],
    ['Connection without upgrade', { Connection: 'keep-alive' }, 400],
    ['no Host', { Host: undefined }, 400],
  ];
  for (const [name, fields, status] of refused) {
    await t.test(`refuses ${name} with ${status}`, async (t) => {
      const answer = await answerTo(t, server, handshake(fields));
      assert.equal(answer.status, status);
      if (status === 426) assert.equal(answer.headers['sec-websocket-version'], '13');
    });
  }

  const otherwise = [
    ['without Upgrade', handshake({ Upgrade: undefined })],
    ['to another protocol', handshake({ Upgrade: 'h2c' })],
    ['with POST', requestHead('POST / HTTP/1.1', { ...handshakeFields(), 'Content-Length': '0' })],
    ['with HTTP/1.0', requestHead('GET / HTTP/1.0', handshakeFields())],
    ['on /metrics', handshake({}, '/metrics')],
    ['on /healthz', handshake({}, '/healthz')],
    ['on /readyz', handshake({}, '/readyz')],
  ];
  for (const [name, head] of otherwise) {
    await t.test(`does not upgrade ${name}`, async (t) => {
      assert.notEqual((await answerTo(t, server, head)).status, 101);
    });
  }

  for (const [offered, chosen] of [['a', 'a'], ['one, two', 'one'], [' x-1 ,y', 'x-1']]) {
    await t.test(`subprotocols "${offered}" are answered with the first`, async (t) => {
      const head = handshake({ 'Sec-WebSocket-Protocol': offered });
      const answer = await answerTo(t, server, head);
      assert.equal(answer.status, 101);
      assert.equal(answer.headers['sec-websocket-protocol'], chosen);
    });
  }

  await t.test('no subprotocol is answered with none', async (t) => {
    const answer = await answerTo(t, server, handshake());
    assert.equal(answer.headers['sec-websocket-protocol'], undefined);
  });

  await t.test('frames in the same packet are not lost', async (t) => {
    const after = Buffer.concat([frame(OP.TEXT, PING), frame(OP.PING, 'p'), closeFrame(1000)]);
    const socket = await openWebSocket(t, server, { after });
    assert.equal((await socket.readJson()).id, 1);
    assert.equal((await socket.readDataFrame()).op, OP.PONG);
    assert.equal((await socket.readClose()).code, 1000);
  });

  await t.test('a connection can upgrade after plain requests', async (t) => {
    const socket = await openSocket(t, server);
    const fields = handshakeFields();
    await socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x' }) +
      requestHead('GET / HTTP/1.1', fields));
    assert.equal((await socket.readResponse()).status, 200);
    await readUpgrade(socket, fields['Sec-WebSocket-Key']);
  });
});

test('handshake and first frame cut in two at every byte', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const barrier = await openBarrier(t, server);
  const fields = handshakeFields();
  const bytes = Buffer.concat([
    Buffer.from(requestHead('GET / HTTP/1.1', fields)), frame(OP.TEXT, PING),
  ]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const socket = await openSocket(t, server);
    await socket.send(bytes.subarray(0, cut));
    await barrier();
    await socket.send(bytes.subarray(cut));
    await readUpgrade(socket, fields['Sec-WebSocket-Key']);
    assert.equal((await socket.readJson()).id, 1, `cut at ${cut}`);
    socket.socket.destroy();
  }
});

test('the handshake timeout does not touch who has upgraded', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });
  const upgraded = await openWebSocket(t, server);
  const silent = await openSocket(t, server); // came later, and is dropped
  await silent.untilEnd();
  await upgraded.send(frame(OP.TEXT, PING));
  assert.equal((await upgraded.readJson()).id, 1);
});
