// Starts the programs of a measurement, and reads what they cost: servers and Redis run on the first CPU,
// the load on the second.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { freePort } from '../tests/integration/support/port.mjs';

const run = promisify(execFile);
const BUILD = new URL('../build/bench/', import.meta.url).pathname;
const SERVER_CPU = '0';
const LOAD_CPU = '1';

async function until(what, condition) {
  for (let i = 0; i < 500; i++) {
    if (await condition().catch(() => false)) return;
    await sleep(20);
  }
  throw new Error(`timed out waiting for ${what}`);
}

class Program {
  constructor(file, args, env = {}) {
    this.child = spawn('taskset', ['-c', SERVER_CPU, file, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.pid = this.child.pid; // taskset execs the program
    this.gone = new Promise((resolve) => this.child.on('close', resolve));
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    await this.gone;
  }

  /** CPU time of all threads so far. */
  cpuUs() {
    const tasks = `/proc/${this.pid}/task`;
    const ofThread = (id) => Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]) / 1000;
    return readdirSync(tasks).reduce((sum, id) => sum + ofThread(id), 0);
  }

  residentBytes() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]) * 1024;
  }
}

class Listener extends Program {
  constructor(port, ...program) {
    super(...program);
    this.port = port;
  }

  async figures() {
    const answer = await fetch(`http://127.0.0.1:${this.port}/metrics?format=json`);
    return answer.json();
  }

  async sends() {
    const { socket_sends_total: sends } = await this.figures();
    return sends;
  }
}

export async function startFloor(...how) {
  const port = await freePort();
  const floor = new Listener(port, `${BUILD}bench/floor`, [`--port=${port}`, ...how]);
  await until('the floor', () => floor.sends().then(() => true));
  return floor;
}

/** The binaries that are compared: this build and, if EVENTHUB_BEFORE names one, an earlier build. */
export const builds = [`${BUILD}eventhub`, process.env.EVENTHUB_BEFORE].filter(Boolean);

/** Starts the server with one worker; redis null: with the embedded broker. */
export async function startServer(redis, options = {}, binary = builds[0]) {
  const port = await freePort();
  const broker = redis ? { BROKER: 'redis', REDIS_PORT: String(redis.port) } : { BROKER: 'memory' };
  const server = new Listener(port, binary, [], {
    LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: String(port), WORKER_THREADS: '1',
    DISABLE_AUTH: 'true', LOG_LEVEL: 'error', ...broker, ...options,
  });
  await until('the server', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  return server;
}

class Redis extends Program {
  constructor(port, dir) {
    super('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '']);
    this.port = port;
    this.dir = dir;
  }

  async command(...words) {
    return (await run('redis-cli', ['-p', String(this.port), ...words])).stdout.trim();
  }

  /** The fields of a section of INFO. */
  async info(section) {
    const lines = (await this.command('INFO', section)).split(/\r?\n/).filter((line) => line.includes(':'));
    return Object.fromEntries(lines.map((line) => line.split(/:(.*)/)));
  }

  /** How often a command was called. */
  async calls(command) {
    const { [`cmdstat_${command}`]: stats = 'calls=0' } = await this.info('commandstats');
    return Number(/calls=(\d+)/.exec(stats)[1]);
  }

  /** Runs redis-benchmark with a command; returns requests per second and the median in us. */
  async benchmark(connections, pipeline, requests, ...words) {
    const { stdout } = await run('taskset', ['-c', LOAD_CPU, 'redis-benchmark', '-p', String(this.port),
      '-c', String(connections), '-P', String(pipeline), '-n', String(requests), '--csv', ...words]);
    const fields = stdout.trim().split('\n').at(-1).split('","').map((f) => f.replaceAll('"', ''));
    return { perSecond: Number(fields.at(-7)), p50us: Number(fields.at(-4)) * 1000 };
  }

  async stop() {
    await super.stop('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function startRedis() {
  const redis = new Redis(await freePort(), mkdtempSync(join(tmpdir(), 'eventhub-bench-')));
  await until('redis', async () => (await redis.command('PING')) === 'PONG');
  return redis;
}

function loadArguments(kind, options, pids) {
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return ['-c', LOAD_CPU, `${BUILD}bench/load`, kind, ...args, ...pids.map((pid) => `--pid=${pid}`)];
}

/** Runs load.c against the first target, and measures the CPU time of all targets. */
export async function load(kind, options, ...targets) {
  const pids = targets.map((t) => t.pid);
  const args = loadArguments(kind, { port: targets[0].port, ...options }, pids);
  const { stdout } = await run('taskset', args);
  return JSON.parse(stdout);
}

/** Holds idle clients, or stalled clients that do not read, until `release` is called. */
export async function holdClients(options, target, kind = 'idle') {
  const child = spawn('taskset', loadArguments(kind, { port: target.port, ...options }, []), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => child.on('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    async release() {
      child.stdin.end();
      await gone;
    },
  };
}

/** Starts a load that prints a line of JSON once it is set up, and another when it is released. */
export async function startLoad(kind, options, target) {
  const [first, ...rest] = loadArguments(kind, { port: target.port, ...options }, [target.pid]);
  const child = spawn('nice', ['-n', kind === 'ping' ? '-10' : '0', 'taskset', first, ...rest], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await lines.next();
    if (!value) throw new Error(`load ${kind} ended early`);
    return JSON.parse(value);
  };
  const ready = await next();
  return {
    ready,
    async release() {
      child.stdin.end();
      return next();
    },
  };
}

export async function micro() {
  const { stdout } = await run('taskset', ['-c', LOAD_CPU, `${BUILD}bench/micro`]);
  return JSON.parse(stdout);
}
