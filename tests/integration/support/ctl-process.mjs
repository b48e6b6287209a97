// eventhubctl while it runs: its stdin, and what it has printed so far.

import { once } from 'node:events';

import { defer } from './cleanup.mjs';
import { CTL } from './ctl.mjs';
import { Process } from './server.mjs';

class CtlProcess extends Process {
  /** Resolves when stdout holds this many whole lines; returns them all. */
  async untilLines(count) {
    await this.until(`${count} lines of output`, () => this.lines.length >= count);
    return this.lines;
  }

  get lines() {
    return this.stdout.split('\n').slice(0, -1);
  }

  untilSaid(pattern) {
    return this.until(`stderr has ${pattern}`, () => pattern.test(this.stderr));
  }

  /** Writes to its stdin, and waits while that is full. */
  async write(text) {
    if (!this.child.stdin.write(text)) await once(this.child.stdin, 'drain');
  }

  endInput() {
    this.child.stdin.end();
  }

  /** Resolves to its exit status. */
  async status() {
    const { code } = await this.untilExit();
    this.assertNoSanitizerReport();
    return code;
  }
}

/** Starts it for this server, or `port`. With `input: true`, the test writes to its stdin. */
export function startCtl(t, { port }, args, { env = {}, input = false, launcher } = {}) {
  const variables = { EVENTHUB_URL: `ws://127.0.0.1:${port}`, ...env };
  const stdin = input ? 'pipe' : 'ignore';
  const ctl = new CtlProcess(variables, { binary: CTL, args, stdin, launcher });
  defer(t, async () => {
    if (!ctl.exit) ctl.child.kill('SIGKILL');
    await ctl.untilExit();
  });
  return ctl;
}

/** Runs it until it exits; `input` is its stdin. */
export async function ctl(t, server, args, { input, ...how } = {}) {
  const run = startCtl(t, server, args, { ...how, input: input !== undefined });
  if (input !== undefined) run.child.stdin.end(input);
  const code = await run.status();
  return { code, stdout: run.stdout, stderr: run.stderr };
}
