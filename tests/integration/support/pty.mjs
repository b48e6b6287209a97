// A command on a terminal of its own, which `script` makes.

import { spawnSync } from 'node:child_process';

import { defer } from './cleanup.mjs';
import { Process } from './server.mjs';

const FIRST = /^tty=(\S+) pid=(\d+)\r?\nbefore=(\S+)/;
const LAST = /status=(\d+)\r?\nafter=(\S+)/;

// The shell notes the terminal's settings before and after the command, whose pid it tells.
const SHELL = `
  stty rows "$ROWS" cols "$COLUMNS"
  before=$(stty -g)
  sh -c 'echo "tty=$(tty) pid=$$"; echo "before=$0"; exec "$@"' "$before" "$@"
  echo "status=$?"
  echo "after=$(stty -g)"`;

export class Pty extends Process {
  constructor(t, command, { rows = 24, columns = 100, env = {} } = {}) {
    const words = command.map((word) => `'${word}'`).join(' ');
    const variables = { TERM: 'xterm', ROWS: String(rows), COLUMNS: String(columns), SHELL_TEXT: SHELL, ...env };
    super(variables, {
      binary: 'script',
      args: ['-qfec', `sh -c "$SHELL_TEXT" sh ${words}`, '/dev/null'],
      stdin: 'pipe',
    });
    defer(t, async () => {
      if (!this.exit) this.child.kill('SIGKILL');
      await this.untilExit();
    });
  }

  press(keys) {
    this.child.stdin.write(keys);
  }

  /** The output since the cursor was last moved to the upper left corner. */
  get screen() {
    return this.stdout.slice(this.stdout.lastIndexOf('\x1b[H'));
  }

  untilScreen(pattern) {
    return this.until(`the screen has ${pattern}`, () => pattern.test(this.screen));
  }

  resize(columns) {
    const [, tty] = FIRST.exec(this.stdout);
    spawnSync('stty', ['-F', tty, 'cols', String(columns)]);
  }

  get commandPid() {
    return Number(FIRST.exec(this.stdout)[2]);
  }

  /** Resolves to the status of the command, and whether it left the terminal's settings as they were. */
  async untilEnd() {
    await this.until('the end of the command', () => LAST.test(this.stdout));
    const [, status, after] = LAST.exec(this.stdout);
    await this.untilExit();
    return { status: Number(status), isRestored: after === FIRST.exec(this.stdout)[3] };
  }
}
