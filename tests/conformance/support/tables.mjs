// Runs tables of rules: rows of [section, sentence, bytes in, expected out]. Each row is a test named
// by its section and sentence, run with its bytes whole and in pieces.

import assert from 'node:assert/strict';

import { closeFrame } from '../../integration/support/frames.mjs';
import {
  handshakeFields, openBarrier, openSocket, openWebSocket, requestHead,
} from '../../integration/support/socket.mjs';
import { exchange, exchangeByteByByte, exchangeCut } from './pieces.mjs';
import { deflateTranscript, echoTranscript, frameTranscript, KEY, transcript } from './transcript.mjs';

const LONG = 160; // bytes; longer ones are not sent byte by byte

/** The last request of a connection that goes on; after a row that ends one it is never answered. */
export const GET_HEALTH =
  'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** Expected out: the connection ends with the last of these. */
export const ends = (...words) => ({ words: words.map(String), goesOn: false });
/** Expected out: these, and the connection goes on. */
export const goesOn = (...words) => ({ words: words.map(String), goesOn: true });

/** With `isSilentBefore`, no Close comes before the last byte. */
async function inEveryPiece(open, barrier, bytes, want, { words, isSilentBefore }) {
  const check = (came, how) => assert.deepEqual(words(came), want, how);
  const look = (came, cut) => {
    if (isSilentBefore) assert.doesNotMatch(words(came).join(), /close/, `after ${cut} bytes`);
  };
  check(await exchange(open, bytes), 'whole');
  await exchangeCut(open, barrier, bytes, (came, cut) => check(came, `cut at ${cut}`), look);
  if (bytes.length > LONG) return;
  check(await exchangeByteByByte(open, barrier, bytes), 'byte by byte');
}

/**
 * `server` has one worker; `words` makes a transcript. When the connection goes on, `next` is sent after
 * the bytes of the row and answered with `answer`. When it ends, `next` after them changes nothing.
 */
async function runTable(t, server, rows, { open, next, answer, words, ...how }) {
  for (const [section, what, input, want] of rows) {
    await t.test(`${section}: ${what}`, async (t) => {
      const barrier = await openBarrier(t, server);
      const bytes = Buffer.from(input, 'latin1');
      const more = Buffer.concat([bytes, Buffer.from(next)]);
      const connect = () => open(t);
      if (want.goesOn) {
        await inEveryPiece(connect, barrier, more, [...want.words, answer], { words });
        return;
      }
      await inEveryPiece(connect, barrier, bytes, want.words, { words, ...how });
      assert.deepEqual(words(await exchange(connect, more)), want.words, 'with more bytes after it');
    });
  }
}

/** The bytes are sent on a new connection. */
export function runHttpTable(t, server, rows) {
  return runTable(t, server, rows,
    { open: (t) => openSocket(t, server), next: GET_HEALTH, answer: '200', words: transcript });
}

/** A handshake with other fields; a field that is undefined is omitted. */
export function handshake(fields = {}, requestLine = 'GET / HTTP/1.1') {
  return requestHead(requestLine, { ...handshakeFields(KEY), ...fields });
}

/** The bytes are sent on a new connection, which upgrades if the row says that it goes on. */
export function runHandshakeTable(t, server, rows) {
  return runTable(t, server, rows,
    { open: (t) => openSocket(t, server), next: closeFrame(1000), answer: 'close 1000', words: transcript });
}

function afterHandshake(server, words, handshakeHow) {
  return { open: (t) => openWebSocket(t, server, handshakeHow), next: closeFrame(1000), answer: 'close 1000', words };
}

/** The bytes are sent after a handshake. */
export function runFrameTable(t, server, rows) {
  return runTable(t, server, rows, afterHandshake(server, frameTranscript));
}

/** The bytes are sent after a handshake that offers and gets these extensions. */
export function runDeflateTable(t, server, rows, [offer, extensions]) {
  const how = { fields: { 'Sec-WebSocket-Extensions': offer }, extensions };
  return runTable(t, server, rows, afterHandshake(server, deflateTranscript, how));
}

/** The same with an echo server; a row that ends the connection does so at its last byte, not before. */
export function runEchoTable(t, server, rows) {
  return runTable(t, server, rows,
    { ...afterHandshake(server, echoTranscript), isSilentBefore: true });
}
