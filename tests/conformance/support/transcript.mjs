// Everything that a server sent on one connection, as a list of short words: `404` for a response,
// `answer 1` for JSON-RPC, `text hello` for an echo, `pong hello`, `close 1002`. Data that no server may
// ever send fail the test here, so that no case has to check for them. Handshakes use KEY.

import assert from 'node:assert/strict';

import { inflateMessage, OP, parseClose, parseFrame } from '../../integration/support/frames.mjs';
import { acceptKey, parseResponse } from '../../integration/support/socket.mjs';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

function wordOf(frame, isEcho) {
  assert.ok(frame.fin, 'the server does not send fragments');
  const text = frame.compressed ? inflateMessage(frame.payload) : frame.payload.toString();
  switch (frame.op) {
    case OP.TEXT: return isEcho ? `text ${text}` : `answer ${JSON.parse(text).id}`;
    case OP.BINARY:
      assert.ok(isEcho, 'JSON-RPC is never binary');
      return `binary ${frame.payload.toString('hex')}`;
    case OP.PONG: return `pong ${text}`.trim();
    case OP.CLOSE: return `close ${parseClose(frame).code ?? ''}`.trim();
    default: return assert.fail(`opcode ${frame.op}`);
  }
}

function parseFrames(bytes, { isEcho = false, mayCompress = false } = {}) {
  const words = [];
  while (bytes.length > 0) {
    const frame = parseFrame(bytes, { mayCompress });
    assert.ok(frame, `a whole frame: ${bytes.toString('hex')}`);
    words.push(wordOf(frame, isEcho));
    bytes = bytes.subarray(frame.size);
  }
  return words;
}

/** RFC 6455 4.2.2 */
function checkUpgrade(headers) {
  assert.equal(headers.upgrade, 'websocket');
  assert.equal(headers.connection, 'Upgrade');
  assert.equal(headers['sec-websocket-accept'], acceptKey(KEY));
}

/** RFC 9110 6.6.1, 8.6, 15.5.6, 15.5.22; RFC 6455 4.4; and errors have a reason. */
function checkResponse({ status, headers, body }) {
  const hasLength = headers['content-length'] !== undefined;
  assert.equal(hasLength, status >= 200 && status !== 204, `Content-Length with ${status}`);
  if (status >= 200) assert.match(headers.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  if (status === 405) assert.ok(headers.allow);
  if (status === 101) checkUpgrade(headers);
  if (status === 426) {
    assert.equal(headers.upgrade, 'websocket');
    assert.equal(headers['sec-websocket-version'], '13');
    assert.match(headers.connection, /\bUpgrade\b/);
  }
  if (status >= 400) assert.equal(typeof JSON.parse(body).error, 'string');
}

/** RFC 9112 9.6: only the last answer has Connection: close. */
function checkPersistence(responses) {
  const final = responses.filter(({ status }) => status !== 100 && status !== 101);
  const upgraded = responses.at(-1)?.status === 101;
  for (const [i, { headers }] of final.entries()) {
    const isLast = !upgraded && i === final.length - 1;
    const options = headers.connection.toLowerCase().split(', ');
    assert.equal(options.includes('close'), isLast, `Connection: ${headers.connection}`);
  }
}

function wordOfResponse({ status, headers }) {
  const [protocol, extensions] = ['protocol', 'extensions'].map((of) => headers[`sec-websocket-${of}`]);
  return [status, protocol, extensions].filter((word) => word !== undefined).join(' ');
}

/** The words of frames. */
export function frameTranscript(bytes) {
  return parseFrames(bytes);
}

/** The words of frames of an echo server. */
export function echoTranscript(bytes) {
  return parseFrames(bytes, { isEcho: true });
}

/** The words of frames after a handshake that agreed on permessage-deflate. */
export function deflateTranscript(bytes) {
  return parseFrames(bytes, { mayCompress: true });
}

/** The words of responses, and of frames after a 101. */
export function transcript(bytes) {
  const responses = [];
  while (bytes.length > 0 && responses.at(-1)?.status !== 101) {
    const response = parseResponse(bytes, false);
    assert.ok(response, `a whole response: ${bytes}`);
    checkResponse(response);
    responses.push(response);
    bytes = bytes.subarray(response.size);
  }
  checkPersistence(responses);
  const mayCompress = responses.at(-1)?.headers['sec-websocket-extensions'] !== undefined;
  return [...responses.map(wordOfResponse), ...parseFrames(bytes, { mayCompress })];
}
