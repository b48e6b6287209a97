// Stops a process of the test in the middle of its work.

import { readdirSync, readFileSync } from 'node:fs';

import { eventually } from './wait.mjs';

/** The state letters of all threads: T is stopped. */
function threadStates(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))
    .map((stat) => stat[stat.lastIndexOf(')') + 2]);
}

/** Waits until all threads have stopped: after the signal, one on another CPU still runs for a moment. */
export async function freeze(child) {
  child.kill('SIGSTOP');
  await eventually('all threads are stopped', () => threadStates(child.pid).every((state) => state === 'T'));
}
