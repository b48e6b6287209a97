// eventhubctl, of the same build as the server.

import { dirname, join } from 'node:path';

import { runToExit } from './server.mjs';
import { BINARY } from './wait.mjs';

export const CTL = join(dirname(BINARY), 'eventhubctl');

/**
 * Runs it until it exits; the environment holds only `env`. `input` becomes its stdin, which is
 * otherwise empty.
 */
export function runCtl(args, { env = {}, input } = {}) {
  const launcher = input === undefined ? [] : ['sh', '-c', 'printf %s "$INPUT" | "$0" "$@"'];
  return runToExit({ ...env, INPUT: input }, { binary: CTL, args, launcher });
}
