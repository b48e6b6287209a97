// Checks whether a value has a TypeScript type, and has no unknown members.

import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TSC = fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url));
const OPTIONS = ['--noEmit', '--strict', '--skipLibCheck', '--moduleResolution', 'bundler', '--module', 'esnext'];

/** The errors of tsc for `json`, '' for none. `module` exports the type: next to this file or in node_modules. */
export async function typeErrors(json, type, module) {
  const file = `${HERE}${type}.check.ts`; // here tsc finds modules; removed again
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
