// The real binary as a child process. Every server is stopped with SIGTERM and must then exit with
// status 0 and without a report of a sanitizer, unless the test expects another end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { defer } from './cleanup.mjs';
import { httpGet } from './http.mjs';
import { BINARY, eventually, Watched } from './wait.mjs';

export const DEFAULTS = {
  LISTEN_ADDRESS: '127.0.0.1',
  LISTEN_PORT: '0',
  BROKER: 'memory',
  DISABLE_AUTH: 'true',
  SHUTDOWN_TIMEOUT: '5',
};
const SANITIZER_REPORT = /ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error/;
// As text, and with LOG_FORMAT=json.
const LISTENING =
  /event=listening\b.*?\bport=(\d+) tls=(\w+)|"event":"listening".*?"port":(\d+),"tls":"(\w+)"/g;
const STARTED = /event=started\b|"event":"started"/;
const KEPT_OF_ENVIRONMENT = [
  'PATH', 'ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS',
];

function environment(options) {
  const env = { ...options };
  for (const name of KEPT_OF_ENVIRONMENT) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}

/**
 * A process of the server, or of `binary`, with exactly these variables in its environment. `stdin`
 * as in node:child_process.
 */
export class Process extends Watched {
  stdout = '';
  stderr = '';
  exit = null; // { code, signal }

  constructor(env, { args = [], ulimit, binary = BINARY, launcher = [], stdin = 'ignore' } = {}) {
    super();
    const shell = ulimit ? ['sh', '-c', `ulimit ${ulimit}; exec "$0" "$@"`] : [];
    const [file, ...front] = [...launcher, ...shell, binary];
    this.child = spawn(file, [...front, ...args], {
      env: environment(env),
      stdio: [stdin, 'pipe', 'pipe'],
    });
    this.pid = this.child.pid;
    for (const name of ['stdout', 'stderr']) this.#collect(name);
    this.child.on('close', (code, signal) => {
      this.exit = { code, signal };
      this.end();
    });
  }

  #collect(name) {
    this.child[name].setEncoding('utf8').on('data', (text) => {
      this[name] += text;
      if (process.env.EVENTHUB_TEST_LOG) process.stderr.write(text);
      this.changed();
    });
  }

  signal(name) {
    this.isStopping = true;
    this.child.kill(name);
  }

  untilExit(deadlineMs) {
    return this.until('exit of the server', () => this.exit, deadlineMs);
  }

  assertNoSanitizerReport() {
    assert.ok(!SANITIZER_REPORT.test(this.stderr), `sanitizer report:\n${this.stderr}`);
  }
}

/** Runs the binary until it exits: for --help and for options that it must refuse. */
export async function runToExit(env, how) {
  const process = new Process(env, how);
  const { code } = await process.untilExit();
  process.assertNoSanitizerReport();
  return { code, stdout: process.stdout, stderr: process.stderr };
}

export class Server extends Process {
  port = 0; // 0: no such listener
  tlsPort = 0;
  expectedCode = 0;

  async untilStarted() {
    await this.until('event=started in the log', () => {
      if (this.exit) throw new Error(`the server did not start:\n${this.stderr}`);
      return STARTED.test(this.stderr);
    });
    for (const [, port, tls, jsonPort, jsonTls] of this.stderr.matchAll(LISTENING)) {
      if ((tls ?? jsonTls) === 'yes') this.tlsPort = Number(port ?? jsonPort);
      else this.port = Number(port ?? jsonPort);
    }
  }

  /** The status of /readyz; 0 without an answer. */
  async readiness() {
    return (await httpGet(this, '/readyz').catch(() => ({ status: 0 }))).status;
  }

  untilReadiness(status) {
    return eventually(`/readyz answers ${status}`, async () => (await this.readiness()) === status);
  }

  /** Why /readyz says that the server is not ready; '' if it is. */
  async reason() {
    const answer = await httpGet(this, '/readyz');
    return answer.status === 200 ? '' : JSON.parse(answer.body).error;
  }

  untilReason(pattern) {
    return eventually(`/readyz has the reason ${pattern}`, async () => pattern.test(await this.reason()));
  }

  /** host:port of the master that the server uses. */
  async redisAddress() {
    return (await this.metrics()).redis_master_info.address;
  }

  async metrics() {
    const answer = await httpGet(this, '/metrics?format=json');
    return JSON.parse(answer.body);
  }

  untilMetric(what, condition) {
    return eventually(what, async () => condition(await this.metrics()));
  }

  /** User and system time used so far, in ms. */
  cpuMs() {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const TICK_MS = 10;
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  residentBytes() {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`))[1]) * 1024;
  }

  /** Sends SIGTERM unless the test has, and asserts that the server exits as expected. */
  async stop() {
    if (!this.isStopping) this.signal('SIGTERM');
    const { code, signal } = await this.untilExit();
    this.assertNoSanitizerReport();
    const end = `exit ${signal ?? code}`;
    assert.equal(end, `exit ${this.expectedCode}`, `the server's log:\n${this.stderr}`);
  }
}

/**
 * Starts a server. `options` are its environment, in addition to the defaults above; undefined removes
 * one. `how`: args, ulimit, binary and launcher (a command in front) as for Process; with `ready: false`
 * it does not wait for /readyz.
 */
export async function startServer(t, options = {}, how = {}) {
  const env = { ...DEFAULTS, ...options };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  const server = new Server(env, how);
  defer(t, () => server.stop());
  await server.untilStarted();
  if (how.ready !== false) await server.untilReadiness(200);
  return server;
}
