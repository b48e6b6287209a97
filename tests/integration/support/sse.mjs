// Parses an event stream more strictly than HTML requires: a CR or an unknown field, which the server
// never sends, fails the test.

import assert from 'node:assert/strict';

import { httpGet } from './http.mjs';
import { openSocket, requestHead } from './socket.mjs';
import { Watched } from './wait.mjs';

const ACCEPT = { Accept: 'text/event-stream' };

export class EventStream extends Watched {
  events = []; // { id, event, data }, in order
  comments = []; // texts of the lines that begin with a colon
  text = ''; // everything received
  retry = null; // ms that a browser would wait before it reconnects
  lastId = null; // what a browser would send when it reconnects
  #bytes = Buffer.alloc(0); // of an incomplete line
  #fields = {};

  constructor(socket, head) {
    super();
    this.socket = socket;
    this.head = head;
    socket.socket.on('data', () => this.#take());
    for (const event of ['end', 'error', 'close']) socket.socket.on(event, () => this.end());
    this.#take();
    if (socket.ended) this.end();
  }

  #take() {
    this.text += this.socket.received.toString();
    this.#bytes = Buffer.concat([this.#bytes, this.socket.received]);
    this.socket.received = Buffer.alloc(0);
    for (;;) {
      const end = this.#bytes.indexOf('\n');
      if (end < 0) break;
      this.#line(this.#bytes.subarray(0, end).toString());
      this.#bytes = this.#bytes.subarray(end + 1);
    }
    this.changed();
  }

  #line(line) {
    assert.ok(!line.includes('\r'), 'a CR would end a line');
    if (line === '') {
      this.#dispatch();
    } else if (line.startsWith(':')) {
      this.comments.push(line.slice(1));
    } else {
      const [, name, value] = /^(id|data|event|retry): (.*)$/s.exec(line) ?? assert.fail(line);
      if (name === 'data') (this.#fields.data ??= []).push(value);
      else if (name in this.#fields) assert.fail(`${name} comes once`);
      else this.#fields[name] = value;
    }
  }

  #dispatch() {
    const { id, event = 'message', data, retry } = this.#fields;
    this.#fields = {};
    if (id !== undefined) this.lastId = id;
    if (retry !== undefined) this.retry = Number(retry);
    if (data) this.events.push({ id, event, data: data.join('\n') });
  }

  get messages() {
    return this.events.filter(({ event }) => event === 'message');
  }

  get texts() {
    return this.messages.map(({ data }) => data);
  }

  /** Whether the server reported that the history is incomplete. */
  get isIncomplete() {
    return this.events.some(({ event }) => event === 'recovered');
  }

  untilCount(count) {
    return this.until(`${count} messages (${this.messages.length} so far)`,
      () => this.messages.length >= count);
  }

  untilText(text) {
    return this.until(`the message ${text}`, () => this.events.at(-1)?.data === text);
  }

  untilPing() {
    const before = this.comments.length;
    return this.until('a ping', () => this.comments.length > before);
  }

  untilPosition() {
    return this.until('a position', () => this.lastId);
  }

  untilEnd() {
    return this.until('the end of the stream', () => this.ended);
  }

  leave() {
    this.socket.socket.destroy();
  }
}

/** Opens `path` (already encoded) and resolves when the stream has begun. */
export async function openStream(t, server, path, headers = {}) {
  const socket = await openSocket(t, server);
  await socket.send(requestHead(`GET ${path} HTTP/1.1`, { Host: 'x', ...ACCEPT, ...headers }));
  const head = await socket.readHead();
  assert.equal(head.status, 200, socket.received.toString());
  const stream = new EventStream(socket, head);
  await stream.until(':ok', () => stream.comments[0] === 'ok');
  return stream;
}

/** The answer to a request for a stream that the server refuses. */
export async function refusedStream(server, path, headers = {}) {
  const answer = await httpGet(server, path, { ...ACCEPT, ...headers });
  return { ...answer, error: JSON.parse(answer.body).error };
}
