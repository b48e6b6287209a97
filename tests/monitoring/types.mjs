// Whether a value is of a type of TypeScript, unknown names included.

import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TSC = fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url));
const OPTIONS = ['--noEmit', '--strict', '--skipLibCheck', '--moduleResolution', 'bundler', '--module', 'esnext'];

/** What tsc says of `json`, '' for nothing. The type is imported from `module`, beside this file or in node_modules. */
export async function typeErrors(json, type, module) {
  const file = `${HERE}${type}.check.ts`; // where modules are found; it goes away again
  writeFileSync(file, `import type { ${type} } from '${module}';\nexport const value: ${type} = ${json};\n`);
  try {
    await promisify(execFile)(process.execPath, [TSC, ...OPTIONS, file], { cwd: HERE });
    return '';
  } catch (error) {
    return error.stdout || error.message;
  } finally {
    rmSync(file);
  }
}
