// A wall clock that a test sets: tests/torture/clock.c, preloaded into a server or into Redis.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { temporaryFiles } from './files.mjs';
import { BINARY } from './wait.mjs';

export const CANNOT_SHIFT = readFileSync(BINARY).includes('__tsan_init') &&
  'the library would be loaded before the sanitizer';

/** `env` for the program; `shift(seconds)` sets how far its clock is ahead of the machine's. */
export function startClock(t) {
  const { write } = temporaryFiles(t);
  const shift = (seconds) => write('shift', `${seconds}\n`);
  const env = {
    CLOCK_SHIFT: shift(0),
    LD_PRELOAD: join(dirname(BINARY), 'torture', 'clock.so'),
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
  };
  return { env, shift };
}
