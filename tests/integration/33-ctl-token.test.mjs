// eventhubctl token: the server accepts what it signs, and it explains what the server says.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import { runCtl } from './support/ctl.mjs';
import { temporaryFiles } from './support/files.mjs';
import { signToken } from './support/jwt.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';

const RIGHTS = ['--read', 'news/#', '--write', 'chat/+'];
const SECRET = 'a long and random secret of the tests';

function keyPair(type, options) {
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  return {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

async function sign(args, how) {
  const { code, stdout, stderr } = await runCtl(['token', ...RIGHTS, ...args], how);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return { token: stdout.trim(), stderr };
}

async function assertRefused(args, how, why, status) {
  const { code, stdout, stderr } = await runCtl(['token', ...args], how);
  assert.equal(code, status, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, why);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
}

test('a token for a server with several keys', async (t) => {
  const { write } = temporaryFiles(t);
  const rsa = keyPair('rsa', { modulusLength: 2048 });
  const ec = keyPair('ec', { namedCurve: 'P-256' });
  const [rsaFile, ecFile] = [write('rsa.pem', rsa.privatePem), write('ec.pem', ec.privatePem)];
  write('rsa-public.pem', rsa.publicPem);
  write('ec-public.pem', ec.publicPem);
  const keys = write('keys', `main HS512 ${SECRET}\nrsa RS256 rsa-public.pem\nec ES256 ec-public.pem\n`);
  const config = write('eventhub.conf', `jwt_keys_file = ${keys}\njwt_audience = hub\nbroker = memory\n`);
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_KEYS_FILE: keys, JWT_AUDIENCE: 'hub' });

  async function answerTo(token) {
    const socket = await openSocket(t, server);
    await socket.send(handshake({ Authorization: `Bearer ${token}` }));
    return (await socket.readResponse()).status;
  }

  await t.test('is signed with the key of the configuration', async () => {
    const { token, stderr } = await sign(['--config', config]);
    assert.match(stderr, /^signed with the key "main" of JWT_KEYS_FILE \(HS512\); expires in 1h\n$/);
    assert.equal(await answerTo(token), 101);
  });

  await t.test('is signed with a private key', async () => {
    for (const [kid, file] of [['rsa', rsaFile], ['ec', ecFile]]) {
      const { token } = await sign(['--config', config, '--key', file, '--kid', kid]);
      assert.equal(await answerTo(token), 101, kid);
    }
  });

  await t.test('is refused for the reason that inspect gives', async () => {
    const { token } = await sign(['--config', config, '--aud', 'another']);
    assert.equal(await answerTo(token), 401);
    const { code, stdout } = await runCtl(['token', 'inspect', '--config', config, token]);
    assert.equal(code, 1);
    assert.match(stdout, /^signature +verified with the key "main" of JWT_KEYS_FILE \(HS512\)$/m);
    assert.match(stdout, /^status +refused: the claim aud does not name the server's audience$/m);
  });
});

test('never takes a secret from the command line, and never prints one', async (t) => {
  const secret = /correct horse/;
  for (const args of [['--secret=correct horse'], ['--key', 'correct horse'], ['JWT_SECRET=correct horse']]) {
    const { code, stdout, stderr } = await runCtl(['token', ...RIGHTS, ...args]);
    assert.equal(code, 2);
    assert.match(stderr, /JWT_SECRET/);
    assert.doesNotMatch(stdout + stderr, secret);
  }
  const env = { JWT_SECRET: 'correct horse' };
  const { token, stderr } = await sign(['-q'], { env });
  assert.equal(stderr, '');
  for (const args of [[token], ['--json', token]]) {
    const { code, stdout } = await runCtl(['token', 'inspect', ...args], { env });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, secret);
    assert.ok(!stdout.includes(token.split('.')[2]), 'the signature is not shown');
  }
});

test('warns of the default secret', async () => {
  const { token, stderr } = await sign([]);
  assert.match(stderr, /^eventhubctl: warning: this secret is public: .*set JWT_SECRET/m);
  assert.match((await runCtl(['token', 'inspect', token])).stderr, /warning: .*default secret/);
});

test('reads the token from wherever it is', async (t) => {
  const { write } = temporaryFiles(t);
  const token = signToken({ sub: 'alice', read: ['news/#'] }, { secret: SECRET });
  const file = write('token', `${token}\n`);
  const env = { JWT_SECRET: SECRET };
  const ways = [
    [[token], { env }],
    [[`Bearer ${token}`], { env }],
    [['--token-file', file], { env }],
    [[], { env: { ...env, EVENTHUB_TOKEN: token } }],
    [[], { env: { ...env, EVENTHUB_TOKEN_FILE: file } }],
    [['-'], { env, input: `${token}\r\n` }],
    [[], { env, input: token }],
  ];
  for (const [args, how] of ways) {
    const { code, stdout, stderr } = await runCtl(['token', 'inspect', '--json', '-t', 'news/1', ...args], how);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.equal(report.claims.sub, 'alice');
    assert.deepEqual(report.topics, [
      { topic: 'news/1', valid: true, read: true, write: false, presence: false },
    ]);
  }
});

test('says in one line what is wrong', async () => {
  const cases = [
    [[], {}, /grant nothing: give --read or --write/],
    [['--read', 'a b'], {}, /--read must be a topic or pattern .*, not "a b"/],
    [['--read', 'a', '--rlimit', 'a=1/1s'], {}, /--rlimit needs --sub/],
    [['--read', 'a', '--ttl', 'long'], {}, /--ttl must be a duration/],
    [['--read', 'a', '--alg', 'none'], {}, /--alg must be auto, HS256/],
    [['--read', 'a', '--config', '/none'], {}, /\/none: No such file/],
    [['--read', 'a', '--nonsense'], {}, /unknown option "--nonsense"|unknown option/],
    [['--read', 'a'], { env: { JWT_SECRET_FILE: '/none' } }, /JWT_SECRET_FILE: \/none: No such file/],
    [['inspect', 'hello'], {}, /this is not a token: the token must have three parts/, 1],
    [['inspect'], {}, /there is no token: give it as an argument/],
    [['inspect', 'Bearer', 'a.b.c'], {}, /^(?!.*a\.b\.c).*give the token alone, without Bearer/],
    [['inspect', '--token-file', '/none'], {}, /cannot read the token from \/none/],
    [['inspect', '--key', '/none', 'a.b.c'], {}, /--key must name a file/],
  ];
  for (const [args, how, why, status = 2] of cases) await assertRefused(args, how, why, status);
});
