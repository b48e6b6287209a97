// Runs tables of rules: rows of [section, what, bytes in, expected out], each a test of its own whose
// name is the section and what the row says. Every row is run whole and in pieces.

import assert from 'node:assert/strict';

import { closeFrame } from '../../integration/support/frames.mjs';
import {
  handshakeFields, openBarrier, openSocket, openWebSocket, requestHead,
} from '../../integration/support/socket.mjs';
import { exchange, exchangeByteByByte, exchangeCut } from './pieces.mjs';
import { deflateTranscript, echoTranscript, frameTranscript, KEY, transcript } from './transcript.mjs';

const LONG = 160; // bytes; longer ones are not sent byte by byte

/** The last request of a connection that goes on, and behind one that must end: never answered. */
export const GET_HEALTH =
  'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** Expected out: the connection ends with the last of these. */
export const ends = (...words) => ({ words: words.map(String), goesOn: false });
/** ... or it is there for what comes next. */
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
 * `server` has one worker; `words` makes a transcript. Where the connection goes on, `next` is what is
 * sent behind the row's bytes, and answered with `answer`. Where it ends, `next` behind them changes
 * nothing.
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
      assert.deepEqual(words(await exchange(connect, more)), want.words, 'with more behind it');
    });
  }
}

/** Bytes are those of a new connection. */
export function runHttpTable(t, server, rows) {
  return runTable(t, server, rows,
    { open: (t) => openSocket(t, server), next: GET_HEALTH, answer: '200', words: transcript });
}

/** A handshake with other fields, or none where one is undefined. */
export function handshake(fields = {}, requestLine = 'GET / HTTP/1.1') {
  return requestHead(requestLine, { ...handshakeFields(KEY), ...fields });
}

/** Bytes are those of a new connection, which upgrades where the row says that it goes on. */
export function runHandshakeTable(t, server, rows) {
  return runTable(t, server, rows,
    { open: (t) => openSocket(t, server), next: closeFrame(1000), answer: 'close 1000', words: transcript });
}

function afterHandshake(server, words, handshakeHow) {
  return { open: (t) => openWebSocket(t, server, handshakeHow), next: closeFrame(1000), answer: 'close 1000', words };
}

/** Bytes are what follows a handshake. */
export function runFrameTable(t, server, rows) {
  return runTable(t, server, rows, afterHandshake(server, frameTranscript));
}

/** ... that offers these extensions, and is answered with those. */
export function runDeflateTable(t, server, rows, [offer, extensions]) {
  const how = { fields: { 'Sec-WebSocket-Extensions': offer }, extensions };
  return runTable(t, server, rows, afterHandshake(server, deflateTranscript, how));
}

/** The same against a server that echoes; what ends a connection does so at the last byte, not before. */
export function runEchoTable(t, server, rows) {
  return runTable(t, server, rows,
    { ...afterHandshake(server, echoTranscript), isSilentBefore: true });
}
