// bench/idle.mjs PORT [CONNECTIONS] [own] - what an idle, subscribed connection costs the server.
// Opens the connections one batch at a time, subscribes each (to one topic, or with `own` to a
// three-level topic of its own), and compares the server's resident memory before and after, read
// from /proc of the pid that listens (given as EVENTHUB_PID). Needs `ulimit -n` above CONNECTIONS.
import { readFileSync } from 'node:fs';
import net from 'node:net';

const port = Number(process.argv[2]);
const wanted = Number(process.argv[3] ?? 10000);
const own = process.argv[4] === 'own';
const pid = process.env.EVENTHUB_PID;

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

function frame(text) {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error('this client sends small frames only');
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function open(i) {
  const topic = own ? `room/${i}/chat` : 'bench/idle';
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
        + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
      socket.write(frame(JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'subscribe', params: { topic } })));
    });
    let seen = '';
    socket.on('error', reject);
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      if (seen.includes('"status":"ok"')) resolve(socket);
    });
  });
}

async function openMany(n) {
  const sockets = [];
  while (sockets.length < n) {
    const batch = Array.from({ length: Math.min(200, n - sockets.length) }, (_, i) => open(sockets.length + i));
    sockets.push(...await Promise.all(batch));
  }
  return sockets;
}

const closed = (sockets) => Promise.all(sockets.map((s) => new Promise((done) => s.on('close', done).end())));

const before = rss();
const first = await openMany(wanted);
const full = rss();
await closed(first);
const emptied = rss();
const second = await openMany(wanted);
const again = rss();
await closed(second);

const each = (bytes) => Math.round(bytes / wanted);
console.log(`connections ${wanted}, ${own ? 'a topic of its own each' : 'one topic'}`);
console.log(`resident before ${before}, full ${full}, emptied ${emptied}, full again ${again}`);
console.log(`bytes per idle connection ${each(full - before)}, after churn ${each(again - before)}`);
