// The commands that a Redis gets, and the version of Redis that each of them needs.

import { defer } from './cleanup.mjs';
import { Process } from './server.mjs';

/** The commands, subcommands and options that Redis got after 5.0, such as `SET KEEPTTL` (Redis 7.0). */
export async function newerThan5(redis) {
  const newer = new Set();
  const isNewer = (since = '1.0.0') => Number.parseInt(since) > 5;
  const addOptions = (command, options = []) => {
    for (const { token, since, arguments: more } of options) {
      if (token && isNewer(since)) newer.add(`${command} ${token}`);
      addOptions(command, more);
    }
  };
  const addCommands = (docs = {}) => {
    for (const [name, { since, arguments: options, subcommands }] of Object.entries(docs)) {
      const command = name.replace('|', ' ').toUpperCase();
      if (isNewer(since)) newer.add(command);
      addOptions(command, options);
      addCommands(subcommands);
    }
  };
  addCommands(JSON.parse(await redis.command('--json', 'COMMAND', 'DOCS')));
  return newer;
}

/**
 * Starts to collect the commands that Redis gets, also those of scripts. The result is a set of words:
 * each command alone, and with each of its arguments.
 */
export async function watchCommands(t, redis) {
  const args = ['-p', String(redis.port), 'MONITOR'];
  const monitor = new Process({}, { binary: 'redis-cli', args });
  defer(t, async () => {
    monitor.signal('SIGTERM');
    await monitor.untilExit();
  });
  await monitor.until('MONITOR', () => monitor.stdout.startsWith('OK'));
  return () => {
    const used = new Set();
    for (const line of monitor.stdout.split('\n')) {
      const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word);
      if (words.length === 0) continue;
      const command = words[0].toUpperCase();
      used.add(command);
      for (const word of words.slice(1)) used.add(`${command} ${word}`);
    }
    return used;
  };
}
