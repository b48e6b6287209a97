// Prints the notifications of a user as they come. After a lost connection, and after its own end, it continues with
// the first notification that it has not handled.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { ResumingHub } from '../resuming-hub.mjs';

const [, , USER] = process.argv;
if (!USER) {
  console.error('usage: node notifications.mjs USER');
  process.exit(2);
}
const TOPIC = `users/${USER}/notifications`;
const FILE = `position-of-${USER}`;
const { EVENTHUB_URL = 'ws://127.0.0.1:8080', EVENTHUB_TOKEN } = process.env;

function readPosition() {
  try {
    return readFileSync(FILE, 'utf8').trim();
  } catch {
    return undefined; // this is the first start: only what comes from now on
  }
}

/** Replaces the file in one step, so that it is complete whenever this program ends. */
function writePosition(id) {
  writeFileSync(`${FILE}.new`, `${id}\n`);
  renameSync(`${FILE}.new`, FILE);
}

/** A notification may be handled twice if this program ends before it has written the position, but never lost. */
function handle({ id, message }) {
  console.log(message);
  writePosition(id);
}

/** The event log does not reach back far enough: only the backend's own database knows all notifications. */
function reload() {
  console.log('Some notifications are missing: this is the place to load them from your database.');
}

const hub = new ResumingHub(EVENTHUB_URL, EVENTHUB_TOKEN);
hub.on('connect', () => console.error('connected'));
hub.on('offline', ({ message, reason }) => console.error('not connected:', message || reason || 'the connection broke'));
await hub.connect(); // fails at once, for example if the token has expired; later the client tries for ever
const { lastEventId } = await hub.follow(TOPIC, {
  position: readPosition(),
  onMessage: handle,
  onMissing: reload,
});
if (!readPosition()) writePosition(lastEventId);
console.error(`waiting for ${TOPIC}`);
