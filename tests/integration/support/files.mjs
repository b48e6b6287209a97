// Files for a server to read, in a directory that is removed after the test.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defer } from './cleanup.mjs';

/** Returns the directory's path and a function that writes a file there and returns its path. */
export function temporaryFiles(t) {
  const directory = mkdtempSync(join(tmpdir(), 'eventhub-test-'));
  defer(t, () => rmSync(directory, { recursive: true }));
  function write(name, text) {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  }
  return { directory, write };
}
