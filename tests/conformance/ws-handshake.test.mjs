// RFC 6455 section 4: the opening handshake as a server reads it. Frames follow an accepted handshake; a
// refused one ends the connection, and the server ignores frames after it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from '../integration/support/frames.mjs';
import { openSocket, readUpgrade } from '../integration/support/socket.mjs';
import { startStill } from './support/servers.mjs';
import { ends, goesOn, handshake, runHandshakeTable } from './support/tables.mjs';
import { KEY } from './support/transcript.mjs';

const accepted = (section, what, bytes, word = '101') =>
  [section, `accepts ${what}`, bytes, goesOn(word)];
const refused = (section, what, bytes, status) =>
  [section, `answers ${status} to ${what}`, bytes, ends(status)];
/** A handshake with `lines` instead of a field. */
const withLines = (name, lines) => handshake({ [name]: undefined }).replace(/\r\n$/, `${lines}\r\n\r\n`);
const withKey = (key) => handshake({ 'Sec-WebSocket-Key': key });
const withVersion = (version) => handshake({ 'Sec-WebSocket-Version': version });
const latin1 = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part, 'latin1')));

const requests = [
  accepted('rfc6455 4.2.1', 'a handshake', handshake()),
  accepted('rfc6455 4.2.1', 'any path and query',
    handshake({}, 'GET /chat/room?auth=undefined HTTP/1.1')),
  accepted('rfc6455 4.2.1', 'an absolute URI', handshake({}, 'GET http://localhost/chat HTTP/1.1')),
  accepted('rfc6455 4.2.1', 'a later HTTP/1.x', handshake({}, 'GET / HTTP/1.2')),
  accepted('rfc6455 4.2.1', 'fields in any order and case',
    `GET / HTTP/1.1\r\nsec-websocket-version:13\r\nSEC-WEBSOCKET-KEY:  ${KEY}  \r\nconnection:upgrade\r\n` +
      'upgrade:websocket\r\nhost:x\r\n\r\n'),
  accepted('rfc6455 4.2.1', 'unknown fields',
    handshake({ 'Sec-WebSocket-Foo': 'bar', Pragma: 'no-cache' })),
  accepted('rfc6455 4.2.1', 'an Origin', handshake({ Origin: 'https://app.example' })),
  accepted('rfc6455 4.2.1', 'a body of no bytes', handshake({ 'Content-Length': '0' })),
  refused('rfc6455 4.2.1', 'POST', handshake({ 'Content-Length': '0' }, 'POST / HTTP/1.1'), 405),
  refused('rfc6455 4.2.1', 'PUT', handshake({}, 'PUT / HTTP/1.1'), 405),
  refused('rfc6455 4.2.1', 'get in lower case', handshake({}, 'get / HTTP/1.1'), 405),
  refused('rfc6455 4.2.1', 'HTTP/1.0', handshake({}, 'GET / HTTP/1.0'), 400),
  refused('rfc6455 4.2.1', 'HTTP/2.0', handshake({}, 'GET / HTTP/2.0'), 505),
  refused('rfc6455 4.2.1', 'a ws URI', handshake({}, 'GET ws://localhost/ HTTP/1.1'), 400),
  refused('rfc6455 4.2.1', 'a handshake without Host', handshake({ Host: undefined }), 400),
  refused('rfc6455 4.2.1', 'two Hosts', withLines('Host', 'Host: x\r\nHost: x'), 400),
  refused('rfc6455 4.2.1', 'a body', handshake({ 'Content-Length': '5' }), 400),
  refused('rfc6455 4.2.1', 'a body in chunks', handshake({ 'Transfer-Encoding': 'chunked' }), 400),
];

const upgrade = [
  accepted('rfc6455 4.2.1', 'Upgrade in any case', handshake({ Upgrade: 'WebSocket' })),
  accepted('rfc6455 4.2.1', 'Upgrade as a list', handshake({ Upgrade: 'foo, websocket' })),
  accepted('rfc6455 4.2.1', 'Upgrade in two lines',
    withLines('Upgrade', 'Upgrade: foo\r\nUpgrade: websocket')),
  accepted('rfc6455 4.2.1', 'Upgrade with white space', handshake({ Upgrade: '\t websocket \t' })),
  accepted('rfc9110 5.6.1', 'Upgrade with empty elements',
    handshake({ Upgrade: ',, websocket ,' })),
  refused('rfc6455 4.2.1', 'a handshake without Upgrade', handshake({ Upgrade: undefined }), 400),
  refused('rfc6455 4.2.1', 'an empty Upgrade', handshake({ Upgrade: '' }), 400),
  refused('rfc6455 4.2.1', 'another Upgrade', handshake({ Upgrade: 'h2c' }), 400),
  refused('rfc6455 4.2.1', 'an Upgrade that begins with websocket', handshake({ Upgrade: 'websockets' }), 400),
  refused('rfc6455 4.2.1', 'an Upgrade without a comma',
    handshake({ Upgrade: 'foo websocket' }), 400),
  accepted('rfc6455 4.2.1', 'Connection in any case', handshake({ Connection: 'uPGRADE' })),
  accepted('rfc6455 4.2.1', 'Connection as a list',
    handshake({ Connection: 'keep-alive, Upgrade' })),
  accepted('rfc6455 4.2.1', 'Connection as a list without spaces',
    handshake({ Connection: 'a,Upgrade,b' })),
  accepted('rfc6455 4.2.1', 'Connection as a list with tabs',
    handshake({ Connection: 'a\t,\tUpgrade\t' })),
  accepted('rfc9110 5.6.1', 'Connection with empty elements',
    handshake({ Connection: ', ,Upgrade,,' })),
  accepted('rfc6455 4.2.1', 'Connection in two lines',
    withLines('Connection', 'Connection: keep-alive\r\nConnection: Upgrade')),
  refused('rfc6455 4.2.1', 'a handshake without Connection', handshake({ Connection: undefined }), 400),
  refused('rfc6455 4.2.1', 'Connection without upgrade',
    handshake({ Connection: 'keep-alive' }), 400),
  refused('rfc6455 4.2.1', 'Connection with upgrade in another word',
    handshake({ Connection: 'upgraded' }), 400),
  refused('rfc6455 4.2.1', 'Connection with upgrade in quotes',
    handshake({ Connection: '"upgrade"' }), 400),
];

const keys = [
  accepted('rfc6455 4.2.1', 'a key with white space around it', withKey(` \t${KEY}\t `)),
  refused('rfc6455 4.2.1', 'a handshake without a key', withKey(undefined), 400),
  refused('rfc6455 4.2.1', 'an empty key', withKey(''), 400),
  refused('rfc6455 4.2.1', 'a key of 15 bytes', withKey(Buffer.alloc(15).toString('base64')), 400),
  refused('rfc6455 4.2.1', 'a key of 17 bytes', withKey(Buffer.alloc(17).toString('base64')), 400),
  refused('rfc6455 4.2.1', 'a key without its padding', withKey(KEY.replace('==', '')), 400),
  refused('rfc6455 4.2.1', 'a key with other padding', withKey(KEY.replace('==', '=')), 400),
  refused('rfc6455 4.2.1', 'a key in base64url', withKey(`-_${KEY.slice(2)}`), 400),
  refused('rfc6455 4.2.1', 'a key that is not base64', withKey(`!!${KEY.slice(2)}`), 400),
  refused('rfc6455 4.2.1', 'a key with a space in it', withKey(KEY.replace('N', ' ')), 400),
  refused('rfc6455 11.3.1', 'a key that comes twice',
    withLines('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Key: ${KEY}`), 400),
];

const versions = [
  refused('rfc6455 4.2.2', 'a handshake without a version', withVersion(undefined), 426),
  ...['', '0', '7', '8', '12', '14', '25', '130', '013', '13.0', '+13', '13, 8', '8, 13', 'x',
  ].map((version) =>
    refused('rfc6455 4.4', `version "${version}"`, withVersion(version), 426)),
  refused('rfc6455 11.3.5', 'a version that comes twice',
    withLines('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13'), 426),
];

const offers = [
  accepted('rfc6455 4.2.2', 'one subprotocol',
    handshake({ 'Sec-WebSocket-Protocol': 'chat' }), '101 chat'),
  accepted('rfc6455 4.2.2', 'the first of several subprotocols',
    handshake({ 'Sec-WebSocket-Protocol': 'one, two' }), '101 one'),
  accepted('rfc6455 4.2.2', 'a subprotocol in any case, unchanged',
    handshake({ 'Sec-WebSocket-Protocol': ' X-1.v2 ,y' }), '101 X-1.v2'),
  accepted('rfc9110 5.6.1', 'a list of subprotocols with an empty element',
    handshake({ 'Sec-WebSocket-Protocol': ', two' }), '101 two'),
  accepted('rfc6455 11.3.4', 'the first subprotocol of all lines',
    handshake().replace(/\r\n$/, 'Sec-WebSocket-Protocol: ,\r\nSec-WebSocket-Protocol: b, c\r\n\r\n'), '101 b'),
  accepted('rfc6455 4.2.2', 'an empty list of subprotocols without an answer',
    handshake({ 'Sec-WebSocket-Protocol': '' })),
  refused('rfc6455 4.1', 'a subprotocol that is not a token',
    handshake({ 'Sec-WebSocket-Protocol': 'a b' }), 400),
  refused('rfc6455 4.1', 'a subprotocol in quotes',
    handshake({ 'Sec-WebSocket-Protocol': '"chat"' }), 400),
  refused('rfc6455 4.1', 'a second subprotocol that is not a token',
    handshake({ 'Sec-WebSocket-Protocol': 'a, b/c' }), 400),
  accepted('rfc6455 4.2.2', 'a token among the subprotocols, without naming it',
    handshake({ 'Sec-WebSocket-Protocol': 'bearer.a.b.c, eventhub' }), '101 eventhub'),
  accepted('rfc6455 4.2.2', 'a token in any case and in another line, without naming it',
    handshake({ 'Sec-WebSocket-Protocol': 'eventhub' })
      .replace(/\r\n$/, 'Sec-WebSocket-Protocol: BEARER.x\r\n\r\n'), '101 eventhub'),
  refused('rfc6455 4.2.2', 'a token without a subprotocol',
    handshake({ 'Sec-WebSocket-Protocol': 'bearer.a.b.c' }), 400),
  refused('rfc6455 4.2.2', 'two tokens',
    handshake({ 'Sec-WebSocket-Protocol': 'eventhub, bearer.a.b.c, bearer.a.b.c' }), 400),
  accepted('rfc6455 9.1', 'unknown extensions without an answer',
    handshake({ 'Sec-WebSocket-Extensions': 'x-foo; a="bc"; d, x-bar' })),
  ...['x-foo; a="b c"', 'x-foo; a=', 'x-foo; =b', 'x-foo a', 'x-foo; a="b', '; a'].map((extensions) =>
    refused('rfc6455 9.1', `the extension list ${extensions}`,
      handshake({ 'Sec-WebSocket-Extensions': extensions }), 400)),
  accepted('rfc6455 9.1', 'extensions in two lines without an answer',
    handshake().replace(/\r\n$/, 'Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar\r\n\r\n')),
];

const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

const behind = [
  ['rfc6455 4.1', 'answers frames in the packet of the handshake',
    latin1(handshake(), frame(OP.TEXT, ping), frame(OP.PING, 'p')),
    goesOn('101', 'answer 1', 'pong p')],
  ['rfc6455 4.1', 'answers 101 before it closes on a violation in the packet of the handshake',
    latin1(handshake(), frame(OP.TEXT, ping, { masked: false })), ends('101', 'close 1002')],
  ['rfc6455 4.1', 'closes with 1002 on a second handshake',
    latin1(handshake(), handshake()), ends('101', 'close 1002')],
];

// A HEAD cannot be a row of the table: its answer does not show that it has no body.
async function testHead(t, server) {
  const socket = await openSocket(t, server);
  await socket.send(handshake({}, 'HEAD / HTTP/1.1') + handshake());
  assert.equal((await socket.readResponse({ head: true })).status, 404);
  await readUpgrade(socket, KEY);
}

test('the opening handshake', async (t) => {
  const server = await startStill(t);
  await runHandshakeTable(t, server, [...requests, ...upgrade, ...keys, ...versions, ...offers, ...behind]);
  await t.test('rfc9110 9.3.2: answers 404 without a body to a HEAD, and does not upgrade', (t) => testHead(t, server));
});
