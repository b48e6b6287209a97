// A redis-server for one test, on a free port with a temporary directory.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { defer } from './cleanup.mjs';
import { freeze } from './freeze.mjs';
import { freePort } from './port.mjs';
import { eventually, within } from './wait.mjs';

const run = promisify(execFile);

export class Redis {
  #process = null;
  #gone = null;

  constructor(port, { args, cli, env }) {
    this.port = port;
    this.args = args;
    this.cli = cli;
    this.env = env;
    this.dir = mkdtempSync(join(tmpdir(), 'eventhub-redis-'));
  }

  /** The options of a server that uses this Redis. */
  get options() {
    return { BROKER: 'redis', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(this.port) };
  }

  /** Starts it and waits until it answers; `isLoading`: until it answers that it is loading. */
  async start({ args: more = [], isLoading = false } = {}) {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir,
      '--save', '', ...this.args, ...more];
    this.#process = this.spawn(args);
    this.#gone = new Promise((resolve) => this.#process.on('close', resolve));
    const wanted = isLoading ? /^LOADING/ : /^(PONG|NOAUTH)/;
    const isUp = (answer) => wanted.test(answer);
    await eventually('redis answers', () => this.command('PING').then(isUp, () => false));
  }

  /** Overridden by servers that are started in another way. */
  spawn(args) {
    return spawn('redis-server', args, { stdio: 'ignore', env: { ...process.env, ...this.env } });
  }

  get isRunning() {
    return this.#process !== null;
  }

  /** Kills it like a crash: only what is in the append-only file is saved. */
  async kill() {
    this.#process.kill('SIGKILL');
    await within(this.#gone, 'end of redis');
    this.#process = null;
  }

  /**
   * Stops it in order, without saving. Unlike after kill(), every publish that was answered was also
   * sent to subscribers: Redis answers the publisher first, but sends both between two commands.
   */
  async end() {
    await this.command('SHUTDOWN', 'NOSAVE').catch(() => {}); // its connection ends
    await within(this.#gone, 'end of redis');
    this.#process = null;
  }

  /** Stops the process: it keeps its connections but does nothing, as on a machine that hangs. */
  freeze() {
    return freeze(this.#process);
  }

  thaw() {
    this.#process.kill('SIGCONT');
  }

  /** Runs one command with redis-cli; resolves to its answer as text. */
  async command(...words) {
    const args = ['-p', String(this.port), '--no-auth-warning', ...this.cli, ...words];
    const { stdout } = await run('redis-cli', args);
    return stdout.trimEnd();
  }

  async done() {
    if (this.#process) await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * `args` and `env` are for redis-server, `cli` for redis-cli. `start: false`: the test starts it later;
 * its port is known at once.
 */
export async function startRedis(t, { args = [], cli = [], env = {}, start = true } = {}) {
  const redis = new Redis(await freePort(), { args, cli, env });
  defer(t, () => redis.done());
  if (start) await redis.start();
  return redis;
}
