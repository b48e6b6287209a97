// bench/run.mjs - runs the named experiments, or all of them, and prints their rows as a Markdown table.

import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';

import { experiments as own } from './experiments.mjs';
import { experiments as scale } from './scale.mjs';

const experiments = { ...own, ...scale };

const options = { seconds: 5, runs: 10 };
const names = [];
for (const arg of process.argv.slice(2)) {
  const [, name, value] = /^--(\w+)=(\d+)$/.exec(arg) ?? [];
  if (name in options) options[name] = Number(value);
  else if (arg in experiments) names.push(arg);
  else {
    console.log(`usage: bench/run [--seconds=N] [--runs=N] [EXPERIMENT]...\nexperiments: ${Object.keys(experiments).join(' ')}`);
    process.exit(arg === '--help' ? 0 : 2);
  }
}

const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
console.log(`${new Date().toISOString()}, commit ${commit}, ${cpus().length} x ${cpus()[0].model}, load ${loadavg()[0].toFixed(2)}\n`);
console.log('| what | Eventhub | floor | ratio | target |\n| --- | --- | --- | --- | --- |');
for (const name of names.length ? names : Object.keys(experiments)) {
  for (const row of await experiments[name](options)) console.log(`| ${[...row, ''].slice(0, 5).join(' | ')} |`);
}
