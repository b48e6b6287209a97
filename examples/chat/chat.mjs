import { ResumingHub } from '../resuming-hub.mjs';

const ROOM = 'rooms/lobby';
const HISTORY = { since: -86_400_000, limit: 50 }; // at most 50 messages of the last day
const ANSWER_WITHIN_MS = 5000;
const GIVE_UP_AFTER_MS = 240_000; // the server remembers the key of a publish for 300 seconds
const BROKER_UNAVAILABLE = -32603;

const setting = (name) => document.querySelector(`meta[name=${name}]`).content;
const element = (id) => document.getElementById(id);
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const jitter = (ms) => delay(ms * (0.5 + Math.random()));

let hub = null;
let position; // id of the last message that the page shows
let missingAfter; // the position after which the page has said so

function addLine(text, className = '') {
  const line = document.createElement('li');
  line.textContent = text; // never innerHTML: other people wrote it
  line.className = className;
  element('messages').append(line);
  return line;
}

function show({ id, message, origin = 'somebody' }) { // origin: the sub of the sender's token
  position = id;
  addLine(`${origin}: ${message}`);
}

function showMissing() {
  if (missingAfter !== position) addLine('Some messages are missing here.');
  missingAfter = position;
}

async function fetchToken() {
  if (!setting('tokens')) return { expires_in: 86_400 };
  const answer = await fetch(setting('tokens') + location.search); // ?user=NAME, which ../tokens believes
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.json();
}

/** Connects with a new token and continues where the last connection ended. Returns the token's lifetime. */
async function connect() {
  const { token, expires_in: seconds } = await fetchToken();
  const next = new ResumingHub(setting('eventhub'), token);
  next.on('connect', () => (element('state').textContent = 'connected'));
  next.on('offline', () => (element('state').textContent = 'not connected, trying again'));
  await next.connect();
  await hub?.disconnect();
  hub = next;
  await hub.follow(ROOM, { position, history: HISTORY, onMessage: show, onMissing: showMissing });
  return seconds;
}

/** Renews the token before it expires, because the server closes the connection when it does. */
async function stayConnected() {
  for (;;) {
    try {
      await delay(await connect() * 800);
    } catch (error) {
      element('state').textContent = `${error.data ?? error.message ?? 'cannot connect'}, trying again`;
      await jitter(3000);
    }
  }
}

/** Sends a message until the server has answered. The key makes sure that it is stored once. */
async function publish(text) {
  const key = crypto.randomUUID();
  for (const giveUpAt = Date.now() + GIVE_UP_AFTER_MS; Date.now() < giveUpAt; await jitter(2000)) {
    try {
      const late = delay(ANSWER_WITHIN_MS).then(() => ({ status: 'late' }));
      const { status } = await Promise.race([hub.publish(ROOM, text, { key }), late]);
      if (status === 'ok') return; // otherwise it is late, or over the rate limit of the token
    } catch (error) {
      if (error.code && error.code !== BROKER_UNAVAILABLE) throw error; // no right to write, or a wrong text
    }
  }
  throw new Error('the server does not answer');
}

element('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = element('text').value;
  element('form').reset();
  const unsent = addLine(text, 'unsent');
  await publish(text).catch((error) => addLine(`not sent: ${text} (${error.data ?? error.message})`));
  unsent.remove(); // it comes back like the messages of all others
});

stayConnected();
