// eventhubctl top: figures of several nodes, one of which ends and one of which is silent.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { CTL, runCtl } from './support/ctl.mjs';
import { freePort } from './support/port.mjs';
import { Pty } from './support/pty.mjs';
import { openClient } from './support/rpc.mjs';
import { Process, startServer } from './support/server.mjs';

const LEAVE_SCREEN = '\x1b[?25h\x1b[?1049l';

function urlOf({ port }) {
  return `ws://127.0.0.1:${port}`;
}

/** Accepts connections and says nothing. */
async function startSilent(t) {
  const sockets = new Set();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => {})));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  defer(t, () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  return silent.address();
}

/** Runs `top --json`; untilNodes resolves to the nodes of the first line that meet the condition, in this order. */
function watch(t, nodes) {
  const top = new Process({}, { binary: CTL, args: ['top', '--json', '-i', '100ms', ...nodes.map(urlOf)] });
  defer(t, async () => {
    top.child.kill('SIGKILL');
    await top.untilExit();
  });
  function untilNodes(what, condition) {
    return top.until(what, () => {
      const lines = top.stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line).nodes);
      const inOrder = lines.map((each) => nodes.map(({ port }) => each.find(({ node }) => node.endsWith(`:${port}`))));
      return inOrder.find((each) => condition(...each));
    });
  }
  return { top, untilNodes };
}

test('shows what several nodes do', async (t) => {
  const a = await startServer(t);
  const b = await startServer(t);
  const client = await openClient(t, a);
  await client.subscribe('news/#');
  const { top, untilNodes } = watch(t, [a, b, await startSilent(t)]);
  // On a busy machine, any node may be late in any round. So messages are published until one shows all.
  const publishing = setInterval(() => client.publish('news/today', 'x').catch(() => {}), 20);
  defer(t, () => clearInterval(publishing));
  const [one, two] = await untilNodes('the figures of all nodes', (one, two, silent) =>
    one.messages_in_per_s > 0 && one.messages_out_per_s > 0 && one.delivery_p99_ms > 0 &&
    two.messages_in_per_s === 0 && /^no answer for /.test(silent.error));
  assert.ok(one.bytes_out_per_s > 0 && one.delivery_p50_ms <= one.delivery_p99_ms);
  assert.equal(one.subscriptions, 1);
  assert.equal(one.redis.state, 'embedded');
  assert.equal(two.delivery_p99_ms, null);

  b.expectedCode = 'SIGKILL';
  b.signal('SIGKILL');
  await b.untilExit();
  await untilNodes('that a node has ended', (one, two) =>
    one.error === null && /connection refused/.test(two.error));
  top.signal('SIGTERM');
  assert.equal((await top.untilExit()).code, 130);
});

test('counts refusals by reason', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const { untilNodes } = watch(t, [server]);
  await untilNodes('figures', (one) => one.refused_per_s === 0);
  await client.call('no such method').catch(() => {});
  await untilNodes('the refusal', (one) => one.refused === 1);
});

test('takes over the terminal and gives it back', async (t) => {
  const server = await startServer(t);
  const command = [CTL, 'top', '--interval', '100ms', urlOf(server), `http://127.0.0.1:${await freePort()}`];

  await t.test('sorts by the key that is pressed, and fits a new size', async (t) => {
    const pty = new Pty(t, command);
    await pty.untilScreen(/NODE\* .*P50 .*\r+\n/);
    await pty.untilScreen(/2 nodes, 1 without an answer/);
    pty.press('o');
    await pty.untilScreen(/ OUT\/s\*/);
    pty.resize(50);
    await pty.untilScreen(/NODE((?!P50).)*OUT\/s\*((?!REDIS).)*\r+\n/);
    pty.press('q');
    assert.deepEqual(await pty.untilEnd(), { status: 0, isRestored: true });
    assert.ok(pty.stdout.includes(LEAVE_SCREEN));
  });

  await t.test('gives it back while it is stopped with Ctrl-Z', async (t) => {
    const shell = `stty -g; ${command.join(' ')}; echo stopped=$?; stty -g; fg; echo ended=$?`;
    const pty = new Pty(t, ['bash', '-mc', shell]);
    await pty.untilScreen(/NODE\* .*\r+\n/);
    pty.press('\x1a');
    await pty.until('a new screen after fg', () => /stopped=148[^]*\x1b\[H[^]*NODE\* .*\r+\n/.test(pty.stdout));
    const [, before] = /^([0-9a-f:]{20,})\r?$/m.exec(pty.stdout);
    const [, left, stopped] = /(\x1b\[\?25h\x1b\[\?1049l)[^]*stopped=148\r?\n(\S+)\r?\n/.exec(pty.stdout);
    assert.deepEqual([left, stopped], [LEAVE_SCREEN, before]);
    pty.press('q');
    assert.deepEqual(await pty.untilEnd(), { status: 0, isRestored: true });
    assert.match(pty.stdout, /ended=0\r?\n/);
  });

  const endings = [
    ['Ctrl-C', (pty) => pty.press('\x03'), 130],
    ['SIGTERM', (pty) => process.kill(pty.commandPid, 'SIGTERM'), 130],
    ['SIGHUP', (pty) => process.kill(pty.commandPid, 'SIGHUP'), 129],
  ];
  for (const [name, end, status] of endings) {
    await t.test(`after ${name}`, async (t) => {
      const pty = new Pty(t, command, { env: { NO_COLOR: '1' } });
      await pty.untilScreen(/NODE\* .*\r+\n/);
      end(pty);
      assert.deepEqual(await pty.untilEnd(), { status, isRestored: true });
      assert.ok(pty.stdout.includes(LEAVE_SCREEN));
      assert.doesNotMatch(pty.stdout, /\x1b\[\d*m/, 'no colour with NO_COLOR');
    });
  }
});

test('says in one line what is wrong', async (t) => {
  const nobody = { port: await freePort() };
  const { code, stdout } = await runCtl(['top', '-n', '1', '-i', '100ms', urlOf(nobody)]);
  assert.equal(code, 3);
  assert.match(stdout, /^NODE\* .*\n127\.0\.0\.1:\d+ +(cannot connect|no answer)/m);
  const wrong = await runCtl(['top', 'ftp://127.0.0.1']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /must begin with ws:\/\//);
  const server = await startServer(t, { METRICS_LISTEN_PORT: String(await freePort()) }, { ready: false });
  const { untilNodes } = watch(t, [nobody, server]);
  await untilNodes('the reasons', (none, other) =>
    /^cannot connect to .*: connection refused/.test(none.error) &&
    /^no metrics on this port; try the server's METRICS_LISTEN_PORT: 404/.test(other.error));
});
