// One connection to a Redis, for a test that sends many commands. (redis.command() starts a redis-cli
// for each.) Strings are of bytes (latin1), because names of keys need not be UTF-8.

import { connect } from 'node:net';

export class RedisError extends Error {}

/** Reads one reply at `at`: [value, next], or null if it is not complete. Arrays may be nested. */
function parse(bytes, at) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return null;
  const kind = bytes.toString('latin1', at, at + 1);
  const line = bytes.toString('latin1', at + 1, end);
  const next = end + 2;
  if (kind === '+') return [line, next];
  if (kind === '-') return [new RedisError(line), next];
  if (kind === ':') return [Number(line), next];
  const size = Number(line);
  if (size < 0) return [null, next];
  if (kind === '$') {
    const last = next + size;
    return bytes.length < last + 2 ? null : [bytes.toString('latin1', next, last), last + 2];
  }
  return parseArray(bytes, next, size);
}

function parseArray(bytes, at, size) {
  const values = [];
  for (let i = 0; i < size; i++) {
    const found = parse(bytes, at);
    if (!found) return null;
    values.push(found[0]);
    at = found[1];
  }
  return [values, at];
}

function encode(words) {
  const parts = words.map((word) => `$${String(word).length}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

export class RedisConnection {
  #socket;
  #bytes = Buffer.alloc(0);
  #waiting = []; // { resolve, reject } of commands that are not answered
  isClosed = false;

  constructor(port) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay();
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => this.#end());
  }

  #take(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    let at = 0;
    for (;;) {
      const found = parse(this.#bytes, at);
      if (!found) break;
      const { resolve, reject } = this.#waiting.shift();
      if (found[0] instanceof RedisError) reject(found[0]);
      else resolve(found[0]);
      at = found[1];
    }
    this.#bytes = this.#bytes.subarray(at);
  }

  #end() {
    this.isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the connection to Redis ended'));
  }

  /** Rejects with a RedisError if Redis refuses the command, or another Error without an answer. */
  call(...words) {
    if (this.isClosed) return Promise.reject(new Error('the connection to Redis has ended'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encode(words), 'latin1');
    });
  }

  close() {
    this.#socket.destroy();
  }
}

/** Runs `body` with a connection that ends with it. */
export async function withRedis(redis, body) {
  const connection = new RedisConnection(redis.port);
  try {
    return await body(connection);
  } finally {
    connection.close();
  }
}
