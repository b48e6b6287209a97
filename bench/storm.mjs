// bench/storm.mjs PORT [CONNECTIONS] - a storm of short connections: half of them say nothing, half
// upgrade and subscribe; all hang up at once. Prints the server's resident memory, descriptors and
// CPU time for the same probe before and after (pid in EVENTHUB_PID): they should be alike.
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';

const port = Number(process.argv[2]);
const wanted = Number(process.argv[3] ?? 100000);
const pid = process.env.EVENTHUB_PID;
const PROBE = 2000;

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
const fds = () => readdirSync(`/proc/${pid}/fd`).length;
const cpu = () => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10; // ticks of 10 ms
};

const subscribe = Buffer.from(JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'subscribe', params: { topic: 'storm/x' } }));
const frame = Buffer.concat([Buffer.from([0x81, 0x80 | subscribe.length, 0, 0, 0, 0]), subscribe]);
const upgrade = 'GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

function once(i) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      if (i % 2) return socket.destroy();
      socket.write(upgrade);
      socket.write(frame);
    });
    socket.on('data', (data) => { if (data.includes('"status":"ok"')) socket.resetAndDestroy(); });
    socket.on('error', done);
    socket.on('close', done);
  });
}

async function storm(n) {
  for (let i = 0; i < n; i += 500) await Promise.all(Array.from({ length: 500 }, (_, k) => once(i + k)));
}

async function probe() {
  const before = cpu();
  await storm(PROBE);
  return (cpu() - before) * 1000 / PROBE;
}

await storm(PROBE); // warm
const probeBefore = await probe();
const before = { rss: rss(), fds: fds() };
await storm(wanted);
const after = { rss: rss(), fds: fds() };
console.log(`before ${JSON.stringify(before)} after ${wanted}: ${JSON.stringify(after)}`);
console.log(`CPU us per short connection: before ${probeBefore}, after ${await probe()} (ticks of 10 ms over ${PROBE})`);
