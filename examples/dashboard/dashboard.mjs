const PATTERN = 'sensors/#';
const HISTORY_MS = 3_600_000;
const POINTS = 60; // of the line of a sensor
const [WIDTH, HEIGHT] = [120, 24]; // of that line

const setting = (name) => document.querySelector(`meta[name=${name}]`).content;
const rows = new Map(); // by topic: { row, values }
let lastEventId = '';

function say(text) {
  document.getElementById('state').textContent = text;
}

function addRow(topic) {
  const row = document.getElementById('rows').insertRow();
  for (let i = 0; i < 4; i++) row.insertCell();
  row.cells[0].textContent = topic.replace('sensors/', '');
  row.cells[2].innerHTML = `<svg width="${WIDTH}" height="${HEIGHT}" aria-hidden="true"><polyline/></svg>`;
  const entry = { row, values: [] };
  rows.set(topic, entry);
  return entry;
}

function draw(values) {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const point = (value, i) => `${(i * WIDTH) / (values.length - 1 || 1)},${HEIGHT - 1 - ((value - low) / range) * (HEIGHT - 2)}`;
  return values.map(point).join(' ');
}

function show({ id, topic, message }) {
  const value = Number(message);
  if (!Number.isFinite(value)) return;
  const { row, values } = rows.get(topic) ?? addRow(topic);
  values.push(value);
  if (values.length > POINTS) values.shift();
  row.className = '';
  row.cells[1].textContent = value.toFixed(1);
  row.querySelector('polyline').setAttribute('points', draw(values));
  row.cells[3].textContent = new Date(Number.parseInt(id)).toLocaleTimeString(); // an id begins with its time, in ms
}

/** Some messages were lost: the figures may be old until the next message of their sensor. */
function markStale() {
  for (const { row } of rows.values()) row.className = 'stale';
}

async function streamUrl() {
  const url = new URL(encodeURIComponent(PATTERN), setting('eventhub'));
  url.searchParams.set('format', 'json'); // with the topic of each message
  url.searchParams.set('gaps', 'true');
  if (lastEventId) url.searchParams.set('lastEventId', lastEventId);
  else url.searchParams.set('since', -HISTORY_MS);
  if (setting('tokens')) {
    const answer = await fetch(setting('tokens') + location.search); // ?user=NAME, which ../tokens believes
    if (!answer.ok) throw new Error(`no token: ${answer.status}`);
    url.searchParams.set('auth', (await answer.json()).token); // an EventSource cannot send headers
  }
  return url;
}

/** Opens the stream. The browser reconnects by itself, after the random time that the server gave it. */
async function open() {
  const source = new EventSource(await streamUrl());
  source.onopen = () => say('live');
  source.onmessage = (event) => {
    lastEventId = event.lastEventId;
    show(JSON.parse(event.data));
  };
  source.addEventListener('recovered', markStale); // the server no longer has all messages since the last one
  source.addEventListener('gap', markStale);
  source.addEventListener('refused', ({ data }) => say(JSON.parse(data).error)); // it will pass
  source.onerror = () => {
    say('not connected, trying again');
    if (source.readyState === EventSource.CLOSED) startLater(); // for example, the token has expired
  };
}

function start() {
  open().catch((error) => {
    say(`${error.message}, trying again`);
    startLater();
  });
}

function startLater() {
  setTimeout(start, 1000 + Math.random() * 4000);
}

start();
