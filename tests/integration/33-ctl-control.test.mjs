// eventhubctl clients, topics, disconnect, revoke and purge: the control API from a terminal.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CTL, runCtl } from './support/ctl.mjs';
import { httpRequest } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { Pty } from './support/pty.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { SANITIZED } from './support/wait.mjs';

const [OK, NEGATIVE, USAGE, NO_CONNECTION, NOT_PERMITTED] = [0, 1, 2, 3, 4];
const OPTIONS = { BROKER: 'memory', ENABLE_API: 'true', DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const EVENTHUB_TOKEN = signToken({ admin: ['clients', 'log', 'publish', 'tokens'] });
const PLAIN = { skip: SANITIZED && 'learns nothing more about the server' };

test('lists and disconnects clients', PLAIN, async (t) => {
  const server = await startServer(t, OPTIONS);
  const ctl = (args, token = EVENTHUB_TOKEN) => runCtl([...args, '--url', `ws://127.0.0.1:${server.port}`],
    { env: { EVENTHUB_TOKEN: token } });
  const open = (sub) => openClient(t, server,
    { headers: { Authorization: `Bearer ${signToken({ sub, read: ['#'] })}` } });
  const clients = [await open('ann'), await open('ann'), await open('b&b=\u00e9\u001b')];
  await clients[0].subscribe('room/+');

  await t.test('on a line each', async () => {
    const { code, stdout } = await ctl(['clients', '--sub', 'ann']);
    assert.equal(code, OK);
    assert.equal(stdout.match(/^[0-9a-f-]{39}  2\S+Z  websocket  127\.0\.0\.1:\d+  subscriptions=\d  queue=0  sub=ann$/gm).length, 2);
  });

  await t.test('as JSON, of a sub that must be encoded and of a topic', async () => {
    const of = async (...args) => {
      const { code, stdout, stderr } = await ctl(['clients', '--json', ...args]);
      assert.equal(code, OK, stderr);
      return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).sub);
    };
    assert.deepEqual(await of('--sub', 'b&b=\u00e9\u001b'), ['b&b=\u00e9\u001b']);
    assert.deepEqual(await of('--topic', 'room/7'), ['ann']);
    assert.deepEqual(await of('--topic', 'room/+'), ['ann']);
    assert.equal((await of()).length, 3);
    assert.equal((await of('--limit', '2')).length, 2);
    assert.match((await ctl(['clients', '--limit', '2'])).stderr, /there are more clients/);
  });

  await t.test('lists topics', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `t/${i + 100}`);
    const { status, body } = await httpRequest(server, 'POST', '/api/publish',
      { Authorization: `Bearer ${EVENTHUB_TOKEN}` },
      JSON.stringify(['room/7', ...names].map((topic) => ({ topic, message: 'x' }))));
    assert.equal(status, 200, body);
    const [{ id }] = JSON.parse(body).results;
    const room = await ctl(['topics', 'room/#']);
    assert.deepEqual([room.code, room.stdout], [OK, `room/7  ${id}  length=1  subscribers=1\n`]);
    const { stdout } = await ctl(['topics', '--json']);
    const all = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.deepEqual(all.map(({ topic }) => topic), ['room/7', ...names]);
    assert.deepEqual(all[0], { topic: 'room/7', length: 1, last_id: id, subscribers: 1 });
    const some = await ctl(['topics', 't/+', '--limit', '110']);
    assert.equal(some.stdout.split('\n').length, 111);
    assert.match(some.stderr, /there are more topics; --limit shows more/);
    assert.deepEqual(await ctl(['topics', 'none']).then(({ code, stdout: none }) => [code, none]), [OK, '']);
  });

  await t.test('disconnects by id and by sub', async () => {
    const { stdout } = await ctl(['clients', '--json', '--topic', 'room/7']);
    const { id } = JSON.parse(stdout);
    assert.deepEqual((await ctl(['disconnect', id, '--reason', 'bye'])).stdout, '1\n');
    await clients[0].untilClosed();
    assert.deepEqual(clients[0].closed, { code: 1008, reason: 'bye' });
    const again = await ctl(['disconnect', id]);
    assert.deepEqual([again.code, again.stdout], [NEGATIVE, '0\n']);
    const { code, stdout: json } = await ctl(['disconnect', '--sub', 'ann', '--json']);
    assert.equal(code, OK);
    assert.deepEqual(JSON.parse(json), { disconnected: 1, complete: true });
  });

  await t.test('revokes tokens', async () => {
    const { stdout: token } = await runCtl(['token', '--sub', 'eve', '--jti', 'auto', '--read', '#'],
      { env: { JWT_SECRET: SECRET } });
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.match(jti, /^[0-9a-f]{32}$/);
    const client = await openClient(t, server, { headers: { Authorization: `Bearer ${token.trim()}` } });
    const { code, stdout, stderr } = await ctl(['revoke', '--jti', jti, '--until', '1h']);
    assert.deepEqual([code, stdout], [OK, '1\n'], stderr);
    assert.match(stderr, /^revoked until 2\S+ \S+ UTC\n$/);
    assert.equal((await client.untilClosed()).code, 1008);

    const other = await open('eve');
    const earlier = await ctl(['revoke', '--sub', 'eve', '--before', '2026-01-01', '--json', '--quiet']);
    const { until, ...rest } = JSON.parse(earlier.stdout);
    assert.deepEqual([rest, earlier.stderr], [{ disconnected: 1, complete: true }, ''], 'it has no iat');
    assert.ok(Math.abs(until - Date.now() / 1000 - 30 * 86_400) < 60);
    assert.equal((await other.untilClosed()).code, 1008);
    assert.equal((await ctl(['revoke', '--sub', 'nobody', '--before', '10m'])).stdout, '0\n');
  });

  await t.test('purges a topic, after it has asked', async (t) => {
    const publish = (n) => httpRequest(server, 'POST', '/api/publish', { Authorization: `Bearer ${EVENTHUB_TOKEN}` },
      JSON.stringify(Array(n).fill({ topic: 'purge/me', message: 'x' })));
    await publish(3);
    const ask = async (keys, answer) => {
      const url = `ws://127.0.0.1:${server.port}`;
      const pty = new Pty(t, [CTL, 'purge', 'purge/me', '--url', url], { env: { EVENTHUB_TOKEN } });
      await pty.until('the question', () => pty.stdout.includes('delete all messages of "purge/me" from the log? [y/N] '));
      pty.press(keys);
      const { status } = await pty.untilEnd();
      assert.match(pty.stdout, answer);
      return status;
    };
    for (const keys of ['\r', 'n\r', 'yess\r', '\x04']) {
      assert.equal(await ask(keys, /nothing was deleted/), NEGATIVE, keys);
    }
    assert.equal(await ask('Yes\r', /^3\r$/m), OK);
    await publish(2);
    const { code, stdout } = await ctl(['purge', 'purge/me', '--yes', '--json']);
    assert.deepEqual([code, JSON.parse(stdout)], [OK, { removed: 2, complete: true }]);
    assert.deepEqual(await ctl(['purge', '-y', 'purge/me']).then((again) => [again.code, again.stdout]), [OK, '0\n']);
  });

  await t.test('says what is wrong', async () => {
    const fails = async (args, status, why, token) => {
      const { code, stderr } = await ctl(args, token);
      assert.equal(code, status, stderr);
      assert.match(stderr, why);
      assert.match(stderr, /^eventhubctl: [^\n]+\n$/);
    };
    await fails(['disconnect'], USAGE, /either the ID of a client/);
    await fails(['disconnect', 'x', '--sub', 'y'], USAGE, /either the ID of a client/);
    await fails(['disconnect', 'x'], USAGE, /client must be the id of a client/);
    await fails(['clients', '--topic', 'a b'], USAGE, /topic must be a valid topic/);
    await fails(['clients'], NOT_PERMITTED, /claim admin must list "clients"; get a new token, or see /, signToken({ read: ['#'] }));
    await fails(['clients'], NOT_PERMITTED, /there is no token: .*; set EVENTHUB_TOKEN, or use --token-file/, '');
    await fails(['revoke'], USAGE, /either --jti or --sub/);
    await fails(['revoke', '--jti', 'a', '--sub', 'b'], USAGE, /either --jti or --sub/);
    await fails(['revoke', '--jti', 'a', '--before', '10m'], USAGE, /--before needs --sub/);
    await fails(['revoke', '--sub', 'a', '--before', 'soon'], USAGE, /--before must be a duration/);
    await fails(['revoke', '--jti', 'a', '--until', '-10m'], USAGE, /--until must be a duration/);
    await fails(['revoke', '--jti', 'a', '--until', '2020-01-01'], USAGE, /until must be an integer from/);
    await fails(['revoke', '--jti', ''], USAGE, /jti must be 1 to 256 bytes long/);
    await fails(['revoke', '--jti', 'a'], NOT_PERMITTED, /must list "tokens"/, signToken({ admin: ['log'] }));
    await fails(['topics', 'a b'], USAGE, /topic/);
    await fails(['topics'], NOT_PERMITTED, /claim admin must list "log"/, signToken({ admin: ['clients'] }));
    await fails(['purge', 'a'], USAGE, /no terminal to ask for confirmation: give --yes/);
    await fails(['purge', 'a/+', '--yes'], USAGE, /is a pattern/);
    await fails(['purge', 'a', '--yes'], NOT_PERMITTED, /claim admin must list "log"/, signToken({ admin: ['clients'] }));
    const off = await startServer(t, { ...OPTIONS, ENABLE_API: 'false' });
    const none = await runCtl(['clients', '--url', `ws://127.0.0.1:${off.port}`], { env: { EVENTHUB_TOKEN } });
    assert.equal(none.code, NO_CONNECTION);
    assert.match(none.stderr, /set ENABLE_API/);
  });
});
