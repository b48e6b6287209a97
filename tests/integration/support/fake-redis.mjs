// A server that speaks Redis' protocol and answers what a test wants: a Sentinel that lies, a node of
// a cluster that sends everybody elsewhere.

import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

import { defer } from './cleanup.mjs';

/** An error, "-ERR …". */
export class Refusal {
  constructor(text) {
    this.text = text;
  }
}

/** Bytes as they are, whatever they mean. */
export class Raw {
  constructor(bytes) {
    this.bytes = bytes;
  }
}

export const OK = { status: 'OK' };
export const SILENCE = undefined; // no answer

function encode(value) {
  if (value === null) return '$-1\r\n';
  if (value instanceof Raw) return value.bytes;
  if (value instanceof Refusal) return `-${value.text}\r\n`;
  if (value.status !== undefined) return `+${value.status}\r\n`;
  if (typeof value === 'number') return `:${value}\r\n`;
  if (Array.isArray(value)) return `*${value.length}\r\n${value.map(encode).join('')}`;
  return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
}

/** Takes whole commands, arrays of strings, from the start of the text. */
function* commands(connection) {
  for (;;) {
    const head = /^\*(\d+)\r\n/.exec(connection.text);
    if (!head) return;
    let at = head[0].length;
    const words = [];
    for (let i = 0; i < Number(head[1]); i++) {
      const length = /^\$(\d+)\r\n/.exec(connection.text.slice(at, at + 20));
      if (!length) return;
      at += length[0].length;
      if (connection.text.length < at + Number(length[1]) + 2) return;
      words.push(connection.text.slice(at, at + Number(length[1])));
      at += Number(length[1]) + 2;
    }
    connection.text = connection.text.slice(at);
    yield words;
  }
}

/** The answer to a command about channels: one confirmation for each, one after the other. */
function confirmations([command, ...channels]) {
  return new Raw(channels.map((channel, i) => encode([command.toLowerCase(), channel, i + 1])).join(''));
}

/** The usual answers, to commands that do not matter to the test. */
function politely(words) {
  switch (words[0].toUpperCase()) {
    case 'PING': return { status: 'PONG' };
    case 'AUTH':
    case 'SELECT':
    case 'CLIENT': return OK;
    case 'SCRIPT': return createHash('sha1').update(words[2]).digest('hex');
    case 'SUBSCRIBE':
    case 'PSUBSCRIBE':
    case 'UNSUBSCRIBE':
    case 'PUNSUBSCRIBE': return confirmations(words);
    default: return new Refusal(`ERR unknown command '${words[0]}'`);
  }
}

export class FakeRedis {
  connections = new Set();
  opened = 0; // connections so far
  log = []; // the commands so far, as text

  constructor(answer) {
    this.answer = answer; // (words) => the answer, or a promise of it; 'politely' for a usual one
    this.listener = createServer((socket) => this.#take(socket));
  }

  get port() {
    return this.listener.address().port;
  }

  get address() {
    return `127.0.0.1:${this.port}`;
  }

  /** How often it got a command that begins like this. */
  count(command) {
    return this.log.filter((text) => text.toUpperCase().startsWith(command)).length;
  }

  #take(socket) {
    const connection = { socket, text: '' };
    this.opened++;
    this.connections.add(connection);
    socket.on('error', () => {});
    socket.on('close', () => this.connections.delete(connection));
    socket.setEncoding('latin1').on('data', (text) => {
      connection.text += text;
      for (const words of commands(connection)) this.#handle(connection, words);
    });
  }

  async #handle(connection, words) {
    this.log.push(words.join(' '));
    if (/^P?SUBSCRIBE$/i.test(words[0])) connection.isSubscribed = true;
    let answer = this.answer(words);
    if (answer instanceof Promise) answer = await answer;
    const value = answer === 'politely' ? politely(words) : answer;
    if (value !== SILENCE) connection.socket.write(encode(value), 'latin1');
  }

  /** Sends a message to every subscribed connection. */
  publish(channel, payload) {
    for (const { socket, isSubscribed } of this.connections) {
      if (isSubscribed) socket.write(encode(['message', channel, payload]), 'latin1');
    }
  }

  close() {
    for (const { socket } of this.connections) socket.destroy();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}

/** Starts one on a free port. The test may replace its `answer` at any time. */
export async function startFakeRedis(t, answer = () => 'politely') {
  const fake = new FakeRedis(answer);
  await new Promise((resolve) => fake.listener.listen(0, '127.0.0.1', resolve));
  defer(t, () => fake.close());
  return fake;
}
