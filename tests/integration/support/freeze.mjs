// Stopping a process of the test's in the middle of whatever it does.

import { readdirSync, readFileSync } from 'node:fs';

import { eventually } from './wait.mjs';

/** The state letters of all threads: T is stopped. */
function threadStates(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))
    .map((stat) => stat[stat.lastIndexOf(')') + 2]);
}

/** The signal is only the beginning: a thread that runs on another CPU still goes on for a while. */
export async function freeze(child) {
  child.kill('SIGSTOP');
  await eventually('it stands still', () => threadStates(child.pid).every((state) => state === 'T'));
}
