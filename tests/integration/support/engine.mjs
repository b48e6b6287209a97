// The redis-server in the PATH, whose version decides what a test can ask of it (scripts/test-engines).

import { execFileSync } from 'node:child_process';

function identify() {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
    return /^(\w+) server v=(\d+)\.(\d+)/.exec(text).slice(1);
  } catch {
    return ['Redis', 7, 0]; // the test that starts it says that it is missing
  }
}
const [name, major, minor] = identify();

/** Whether it is this version of Redis or a later one. Valkey and Redict began as Redis 7.2. */
export function isAtLeast(wantedMajor, wantedMinor = 0) {
  return major > wantedMajor || (Number(major) === wantedMajor && minor >= wantedMinor);
}

/** Users have rights to channels. */
export const HAS_CHANNEL_RIGHTS = isAtLeast(6, 2);
export const ALL_CHANNELS = HAS_CHANNEL_RIGHTS ? ['&*'] : [];

/** The words of a line of rights that this Redis knows. */
export const knownRights = (words) =>
  words.filter((word) => HAS_CHANNEL_RIGHTS || !/^(&|resetchannels$)/.test(word));

/** Scripts obey min-replicas-to-write; earlier, only single commands do. */
export const SCRIPTS_NEED_REPLICAS = isAtLeast(7);
export const SKIP_NO_REPLICAS = !SCRIPTS_NEED_REPLICAS &&
  'scripts ignore min-replicas-to-write before Redis 7.0';

/** The memory of clients counts for maxmemory, unless this is switched off. */
export const IGNORE_CLIENT_MEMORY = isAtLeast(7) ? ['--maxmemory-clients', '0'] : [];

/** Valkey 9.1 counts only what the socket did not take at once for client-output-buffer-limit. */
export const SKIP_ONE_MESSAGE_CUTS = name === 'Valkey' && isAtLeast(9) &&
  'Valkey 9 disconnects only readers that are slow';
