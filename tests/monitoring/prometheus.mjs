// A Prometheus for one test, and promtool.

import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

import { defer } from '../integration/support/cleanup.mjs';
import { temporaryFiles } from '../integration/support/files.mjs';
import { httpGet } from '../integration/support/http.mjs';
import { freePort } from '../integration/support/port.mjs';
import { eventually, within } from '../integration/support/wait.mjs';

/** Runs promtool, which must succeed; resolves to its output. */
export async function promtool(...args) {
  return (await promisify(execFile)('promtool', args)).stdout;
}

class Prometheus {
  constructor(port) {
    this.port = port;
  }

  async get(path) {
    const { status, body } = await httpGet(this, `/api/v1/${path}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body).data;
  }

  /** The current results of an expression: [{ metric, value }]. */
  async query(expr) {
    const { result } = await this.get(`query?query=${encodeURIComponent(expr)}`);
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Waits until the only result of an expression is `want`. */
  untilValue(expr, want) {
    return eventually(`${expr} is ${want}`, async () => {
      const result = await this.query(expr);
      return result.length === 1 && result[0].value === want;
    });
  }
}

/** Starts a Prometheus; `config` is its configuration as an object (JSON is also YAML). */
export async function startPrometheus(t, config) {
  const files = temporaryFiles(t);
  const prometheus = new Prometheus(await freePort());
  const child = spawn('prometheus', [
    `--config.file=${files.write('prometheus.yml', JSON.stringify(config))}`,
    `--storage.tsdb.path=${files.directory}/data`,
    `--web.listen-address=127.0.0.1:${prometheus.port}`,
    '--log.level=warn',
  ], { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.on('close', resolve));
  defer(t, async () => {
    child.kill('SIGTERM');
    await within(gone, 'end of prometheus');
  });
  await eventually('prometheus answers', () =>
    httpGet(prometheus, '/-/ready').then(({ status }) => status === 200, () => false));
  return prometheus;
}
