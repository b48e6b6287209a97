// The commands and files in README.md and docs/, word for word (scripts/documented).

import { execFileSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Returns a function for a test file (`url`: its import.meta.url) that reads its block under a heading. */
export function documentedFor(url) {
  const runner = relative(ROOT, fileURLToPath(url));
  return (file, heading) =>
    execFileSync(`${ROOT}scripts/documented`, [runner, file, heading], { encoding: 'utf8' });
}
