// What README.md and docs/ say to run, word for word (scripts/documented).

import { execFileSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** For a test, by its import.meta.url: a function that returns what this test runs of a page, under a heading. */
export function documentedFor(url) {
  const runner = relative(ROOT, fileURLToPath(url));
  return (file, heading) =>
    execFileSync(`${ROOT}scripts/documented`, [runner, file, heading], { encoding: 'utf8' });
}
