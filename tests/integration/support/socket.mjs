// A client that sends raw bytes in any pieces, and reads responses and frames.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

import { defer } from './cleanup.mjs';
import { inflateMessage, OP, parseClose, parseFrame } from './frames.mjs';
import { Watched, within } from './wait.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const WITHOUT_BODY = new Set([100, 101, 204, 304]);

export class RawSocket extends Watched {
  received = Buffer.alloc(0); // but not read yet
  mayCompress = false; // whether the server may

  constructor(t, server) {
    super();
    const { port, localAddress } = server;
    this.socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
    this.socket.setNoDelay();
    this.socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.changed();
    });
    this.socket.on('end', () => this.end());
    this.socket.on('error', () => this.end()); // a reset ends it, too
    this.socket.on('close', () => this.end());
    defer(t, () => this.socket.destroy());
  }

  untilConnected() {
    if (!this.socket.connecting) return this;
    const connected = new Promise((resolve, reject) =>
      this.socket.once('connect', () => resolve(this)).once('error', reject));
    return within(connected, 'connect');
  }

  /** Resolves when the kernel has taken the bytes. */
  send(bytes) {
    return within(new Promise((resolve) => this.socket.write(bytes, () => resolve())), 'send');
  }

  /** Waits until `parse` finds something at the start of the received bytes, and removes it there. */
  async #read(what, parse) {
    const found = await this.until(what, () => parse(this.received));
    this.received = this.received.subarray(found.size);
    return found;
  }

  /** { status, headers, body }; `head`: reads the answer to a HEAD, which has no body. */
  readResponse({ head = false } = {}) {
    return this.#read('a whole HTTP response', (bytes) => parseResponse(bytes, head));
  }

  /** { status, headers } of a response whose body ends with the connection. */
  readHead() {
    return this.#read('the head of an HTTP response', (bytes) => parseResponse(bytes, true));
  }

  readFrame() {
    const { mayCompress } = this;
    return this.#read('a whole frame', (bytes) => parseFrame(bytes, { mayCompress }));
  }

  /** The next frame that is not a ping. */
  async readDataFrame() {
    for (;;) {
      const received = await this.readFrame();
      if (received.op !== OP.PING) return received;
    }
  }

  async readJson() {
    const received = await this.readDataFrame();
    assert.equal(received.op, OP.TEXT, `text, not ${JSON.stringify(received)}`);
    const { compressed, payload } = received;
    return JSON.parse(compressed ? inflateMessage(payload) : payload.toString());
  }

  /** Reads the Close, which must come next and end the connection. */
  async readClose() {
    const close = parseClose(await this.readDataFrame());
    await this.untilEnd();
    assert.equal(this.received.length, 0, 'nothing comes after a Close');
    return close;
  }

  /** Waits until the server has ended its side. */
  async untilEnd() {
    await this.until('end of the connection', () => this.ended);
  }
}

export function parseResponse(bytes, head) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [statusLine, ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]+$/.exec(statusLine);
  assert.ok(match, `a status line: ${statusLine}`);
  const status = Number(match[1]);
  const headers = parseFields(fields);
  const bodySize = head || WITHOUT_BODY.has(status) ? 0 : Number(headers['content-length']);
  assert.ok(bodySize >= 0, 'a response with a body says how long it is');
  const size = end + 4 + bodySize;
  if (bytes.length < size) return null;
  return { status, headers, body: bytes.subarray(end + 4, size).toString(), size };
}

function parseFields(lines) {
  const headers = {};
  for (const line of lines) {
    const match = /^([\w-]+): ?(.*)$/.exec(line);
    assert.ok(match, `a header field: ${line}`);
    const name = match[1].toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${match[2]}` : match[2];
  }
  return headers;
}

/** The server, for a client with another address of this machine. */
export function seenFrom(localAddress, { port }) {
  return { port, localAddress };
}

export async function openSocket(t, server) {
  return new RawSocket(t, server).untilConnected();
}

/** The fields of a valid handshake. */
export function handshakeFields(key = randomBytes(16).toString('base64')) {
  return {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
  };
}

/** The head of a request; omits fields that are undefined. */
export function requestHead(requestLine, fields) {
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${requestLine}\r\n${lines.join('')}\r\n`;
}

export function handshake(fields = {}, target = '/') {
  return requestHead(`GET ${target} HTTP/1.1`, { ...handshakeFields(), ...fields });
}

export function acceptKey(key) {
  return createHash('sha1').update(key + GUID).digest('base64');
}

/** Reads the answer to a handshake, which must succeed with these extensions. */
export async function readUpgrade(socket, key, extensions) {
  const answer = await socket.readResponse();
  assert.equal(answer.status, 101, answer.body);
  assert.equal(answer.headers.upgrade?.toLowerCase(), 'websocket');
  assert.equal(answer.headers.connection?.toLowerCase(), 'upgrade');
  assert.equal(answer.headers['sec-websocket-accept'], acceptKey(key));
  assert.equal(answer.headers['sec-websocket-extensions'], extensions);
  socket.mayCompress = extensions !== undefined;
  return answer;
}

/**
 * Opens a connection and upgrades it; `after` is sent in the same packet as the handshake. The answer
 * must name these extensions (undefined: none).
 */
export async function openWebSocket(t, server, how = {}) {
  const { fields = {}, target = '/', after = '', extensions } = how;
  const socket = await openSocket(t, server);
  const all = { ...handshakeFields(), ...fields };
  const head = requestHead(`GET ${target} HTTP/1.1`, all);
  await socket.send(Buffer.concat([Buffer.from(head), Buffer.from(after)]));
  await readUpgrade(socket, all['Sec-WebSocket-Key'], extensions);
  return socket;
}

/**
 * Resolves to a function that waits until the worker has read what other connections sent before. It
 * makes a round trip on a separate connection; with WORKER_THREADS=1 the worker serves that one last.
 */
export async function openBarrier(t, server) {
  const socket = await openSocket(t, server);
  return async () => {
    await socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'localhost' }));
    assert.equal((await socket.readResponse()).status, 200);
  };
}
