// Stops a process of the test in the middle of its work.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

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

/**
 * Freezes a server for `seconds`, as docker pause, a virtual machine that migrates or swapping do.
 * `meanwhile` is called while it is frozen; its kernel still accepts what clients send.
 */
export async function freezeFor(server, seconds, meanwhile = () => {}) {
  await freeze(server.child);
  const startedAt = Date.now();
  try {
    await meanwhile();
    await delay(Math.max(0, startedAt + seconds * 1000 - Date.now())); // the time is what is tested
  } finally {
    server.child.kill('SIGCONT');
  }
}
