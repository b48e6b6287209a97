// RFC 9112 section 9, and RFC 9110 on requests of one connection: which answers come, in which order,
// and whether the connection persists.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openSocket } from '../integration/support/socket.mjs';
import { readToEnd } from './support/pieces.mjs';
import { startStill } from './support/servers.mjs';
import { ends, GET_HEALTH, goesOn, handshake, runHttpTable } from './support/tables.mjs';
import { transcript } from './support/transcript.mjs';

const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const NOWHERE = 'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n';
const HEAD = 'HEAD /nowhere HTTP/1.0\r\n\r\n';
const POST = 'POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx';
const get = (version, lines) => `GET /healthz HTTP/${version}\r\nHost: x\r\n${lines}\r\n\r\n`;
const post = (version, lines, body) => `POST /t HTTP/${version}\r\nHost: x\r\n${lines}\r\n\r\n${body}`;

const rows = [
  ['rfc9112 9.3', 'keeps a connection with HTTP/1.1', GET, goesOn(200)],
  ['rfc9112 9.3', 'closes a connection with HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', ends(200)],
  ['rfc9112 9.3', 'keeps a connection with HTTP/1.0 and keep-alive',
    get('1.0', 'Connection: keep-alive'), goesOn(200)],
  ['rfc9112 9.3', 'accepts keep-alive in any case', get('1.0', 'connection: Keep-Alive'), goesOn(200)],
  ['rfc9112 9.6', 'closes the connection after close', get('1.1', 'Connection: close'), ends(200)],
  ['rfc9112 9.6', 'accepts close in a list', get('1.1', 'Connection: x, Close'), ends(200)],
  ['rfc9112 9.6', 'accepts close in a second line',
    get('1.1', 'Connection: x\r\nConnection: close'), ends(200)],
  ['rfc9112 9.6', 'prefers close to keep-alive', get('1.1', 'Connection: keep-alive, close'), ends(200)],
  ['rfc9110 5.6.1', 'ignores empty elements of a list',
    get('1.1', 'Connection: ,, close ,'), ends(200)],
  ['rfc9110 7.6.1', 'does not take closed for close', get('1.1', 'Connection: closed'), goesOn(200)],
  ['rfc9110 7.6.1', 'does not take Proxy-Connection for Connection',
    get('1.1', 'Proxy-Connection: close'), goesOn(200)],
  ['rfc9112 9.6', 'answers nothing after close',
    get('1.1', 'Connection: close') + GET, ends(200)],
  ['rfc9112 9.6', 'answers nothing after the close of a POST',
    post('1.1', 'Connection: close\r\nContent-Length: 1', 'x') + GET, ends(200)],
  ['rfc9112 9.3', 'closes the connection after a POST with HTTP/1.0',
    post('1.0', 'Content-Length: 1', 'x') + GET, ends(200)],
  ['rfc9112 9.3', 'keeps the connection after a 404', NOWHERE, goesOn(404)],
  ['rfc9112 9.3.2', 'answers pipelined requests in order',
    GET + NOWHERE + POST + GET + NOWHERE, goesOn(200, 404, 200, 200, 404)],
  ['rfc9112 9.3.2', 'answers requests pipelined after chunks',
    post('1.1', 'Transfer-Encoding: chunked', '1\r\nx\r\n0\r\n\r\n') + NOWHERE + POST,
    goesOn(200, 404, 200)],
  ['rfc9112 9.3.2', 'answers earlier requests before it refuses an invalid one',
    GET + NOWHERE + 'GET\r\n\r\n' + GET, ends(200, 404, 400)],

  ['rfc9110 10.1.1', 'answers 100-continue before the body',
    post('1.1', 'Content-Length: 1\r\nExpect: 100-continue', 'x'), goesOn(100, 200)],
  ['rfc9110 10.1.1', 'answers 100-continue before chunks',
    post('1.1', 'Transfer-Encoding: chunked\r\nExpect: 100-continue', '1\r\nx\r\n0\r\n\r\n'),
    goesOn(100, 200)],
  ['rfc9110 10.1.1', 'accepts 100-continue in any case',
    post('1.1', 'Content-Length: 1\r\nexpect: 100-Continue', 'x'), goesOn(100, 200)],
  ['rfc9110 10.1.1', 'accepts 100-continue in a list',
    post('1.1', 'Content-Length: 1\r\nExpect: x, 100-continue', 'x'), goesOn(100, 200)],
  ['rfc9110 10.1.1', 'accepts 100-continue in a second line',
    post('1.1', 'Content-Length: 1\r\nExpect: x\r\nExpect: 100-continue', 'x'), goesOn(100, 200)],
  ['rfc9110 10.1.1', 'ignores 100-continue with HTTP/1.0',
    post('1.0', 'Content-Length: 1\r\nExpect: 100-continue', 'x'), ends(200)],
  ['rfc9110 10.1.1', 'does not answer 100-continue without a body',
    post('1.1', 'Expect: 100-continue', ''), goesOn(400)],
  ['rfc9110 10.1.1', 'does not answer 100-continue when the final answer is known',
    post('1.1', 'Content-Length: 1\r\nExpect: 100-continue', '').replace('/t', '/t.'), ends(400)],
  ['rfc9110 10.1.1', 'does not answer 100-continue when the body is too long',
    post('1.1', 'Content-Length: 1025\r\nExpect: 100-continue', ''), ends(413)],
  ['rfc9110 10.1.1', 'does not answer 100-continue of a GET', get('1.1', 'Expect: 100-continue'), goesOn(200)],
  ['rfc9110 10.1.1', 'ignores another expectation',
    get('1.1', 'Expect: nothing'), goesOn(200)],

  ['rfc9110 7.8', 'ignores an offer to upgrade to an unsupported protocol',
    get('1.1', 'Connection: Upgrade\r\nUpgrade: TLS/1.3, irc'), goesOn(200)],
  ['rfc9110 7.8', 'answers 100 before 101 to an upgrade with 100-continue',
    handshake({ Expect: '100-continue' }) + '\x88\x80\0\0\0\0', ends(100, 101, 'close')],
  ['rfc9110 7.8', 'upgrades a connection after plain requests',
    GET + POST + handshake() + '\x88\x80\0\0\0\0', ends(200, 200, 101, 'close')],
];

test('HTTP connections', async (t) => {
  const server = await startStill(t, { MAX_MESSAGE_SIZE: '1024' });
  await runHttpTable(t, server, rows);

  await t.test('rfc9110 9.3.2: answers HEAD without a body', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(HEAD);
    const text = (await readToEnd(socket)).toString();
    assert.match(text, /^HTTP\/1\.1 404 .*\r\nContent-Length: [1-9].*\r\n\r\n$/s);
  });

  await t.test('rfc9112 9.6: answers a client that half-closes after its requests', async (t) => {
    const socket = await openSocket(t, server);
    socket.socket.end(NOWHERE + POST + GET_HEALTH);
    assert.deepEqual(transcript(await readToEnd(socket)), ['404', '200', '200']);
  });

  await t.test('rfc9112 9.6: reads bytes sent after the last answer, so that no reset destroys it',
    async (t) => {
      const socket = await openSocket(t, server);
      await socket.send(`POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n`);
      for (let i = 0; i < 20; i++) await socket.send(Buffer.alloc(50_000, 'x'));
      assert.deepEqual(transcript(await readToEnd(socket)), ['413']);
    });

  await t.test('rfc9112 9.3.2: answers a thousand requests in one packet', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send((GET + NOWHERE).repeat(500) + GET_HEALTH);
    const want = [...Array(500).fill(['200', '404']).flat(), '200'];
    assert.deepEqual(transcript(await readToEnd(socket)), want);
  });
});
