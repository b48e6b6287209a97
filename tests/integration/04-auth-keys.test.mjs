// Keys and algorithms that verify tokens, and how operators change keys.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { makeAuthority } from './support/certs.mjs';
import { temporaryFiles } from './support/files.mjs';
import { SECRET, signToken, signTokenAs, signTokenWith, unsignedToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';

const CLAIMS = { read: ['#'], write: ['#'] };
const RSA = pair('rsa', { modulusLength: 2048 });
const OTHER_RSA = pair('rsa', { modulusLength: 2048 });
const EC = pair('ec', { namedCurve: 'P-256' });
const OTHER_EC = pair('ec', { namedCurve: 'P-256' });
const P384 = pair('ec', { namedCurve: 'P-384' });
const P521 = pair('ec', { namedCurve: 'P-521' });
const ED25519 = pair('ed25519');

function pair(type, options) {
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  return { key: privateKey, publicKey, pem, privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function signHs(alg, secret = SECRET, header = {}) {
  return signToken(CLAIMS, { secret, hash: `sha${alg.slice(2)}`, header: { alg, ...header } });
}

/** A server with authentication and these options, and checks that it accepts or refuses a token. */
async function startWithKeys(t, options) {
  const server = await startServer(t, { DISABLE_AUTH: 'false', ...options });

  async function answerTo(token) {
    const socket = await openSocket(t, server);
    await socket.send(handshake({ Authorization: `Bearer ${token}` }));
    return socket.readResponse();
  }
  return {
    server,
    taken: async (token) => assert.equal((await answerTo(token)).status, 101),
    refused: async (token, why = /./) => {
      const { status, body } = await answerTo(token);
      assert.equal(status, 401);
      assert.match(JSON.parse(body).error, why);
    },
  };
}

test('one algorithm with a secret', async (t) => {
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    await t.test(`accepts only ${alg}`, async (t) => {
      const { taken, refused } = await startWithKeys(t, {
        JWT_ALGORITHM: alg, JWT_SECRET: SECRET,
      });
      for (const each of ['HS256', 'HS384', 'HS512']) {
        await (each === alg ? taken(signHs(each)) : refused(signHs(each), /algorithm/));
      }
      await refused(signHs(alg, 'another'), /signature/);
      await refused(unsignedToken(CLAIMS), /algorithm/);
      await refused(signTokenWith(RSA.key, CLAIMS), /algorithm/);
    });
  }
});

test('tokens with RS256', async (t) => {
  const { write } = temporaryFiles(t);
  const { server, taken, refused } = await startWithKeys(t, {
    JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: write('rsa.pem', RSA.pem),
  });
  await taken(signTokenWith(RSA.key, CLAIMS));
  await taken(signTokenWith(RSA.key, CLAIMS, { kid: 'any' }));
  await refused(signTokenWith(OTHER_RSA.key, CLAIMS), /signature/);
  await refused(signTokenWith(EC.key, CLAIMS), /algorithm/);
  await refused(signTokenWith(EC.key, CLAIMS, { alg: 'RS256' }), /signature/);
  await refused(unsignedToken(CLAIMS), /algorithm/);
  await refused(signHs('HS256', 'eventhub_secret'), /algorithm/);
  assert.doesNotMatch(server.stderr, /default_secret/);

  await t.test('does not accept the public key as a secret', async () => {
    for (const secret of [RSA.pem, RSA.pem.trim(), RSA.pem.replaceAll('\n', '')]) {
      await refused(signHs('HS256', secret), /algorithm/);
      await refused(signHs('HS512', secret), /algorithm/);
      const header = { alg: 'RS256' };
      await refused(signToken(CLAIMS, { secret, header }), /signature/);
    }
  });

  await t.test('grants the rights of such a token', async (t) => {
    const Authorization = signTokenWith(RSA.key, { ...CLAIMS, sub: 'x' });
    const client = await openClient(t, server, { headers: { Authorization } });
    const subscription = await client.subscribe('a');
    await client.publish('a', 'hello');
    await subscription.untilText('hello');
    assert.equal(subscription.messages[0].origin, 'x');
  });
});

test('accepts only ES256 tokens of its key', async (t) => {
  const { write } = temporaryFiles(t);
  const { taken, refused } = await startWithKeys(t, {
    JWT_ALGORITHM: 'es256', JWT_PUBLIC_KEY: write('ec.pem', EC.pem),
  });
  for (let i = 0; i < 8; i++) await taken(signTokenWith(EC.key, CLAIMS)); // each has another signature
  await refused(signTokenWith(OTHER_EC.key, CLAIMS), /signature/);
  await refused(signTokenWith(P384.key, CLAIMS), /signature/);
  await refused(signTokenWith(RSA.key, CLAIMS), /algorithm/);
  await refused(signTokenWith(RSA.key, CLAIMS, { alg: 'ES256' }), /signature/);
  await refused(signHs('HS256', EC.pem), /algorithm/);
});

// Node signs, with OpenSSL's own interface; one server has a key for each algorithm.
test('accepts tokens of every algorithm with a public key', async (t) => {
  const { write } = temporaryFiles(t);
  const pairs = {
    RS256: RSA, RS384: RSA, RS512: RSA, PS256: RSA, PS384: RSA, PS512: RSA,
    ES256: EC, ES384: P384, ES512: P521, EdDSA: ED25519,
  };
  const lines = Object.entries(pairs).map(([alg, { pem }]) => `${alg}-key ${alg} ${write(`${alg}.pem`, pem)}`);
  const { taken, refused } = await startWithKeys(t, { JWT_KEYS_FILE: write('keys', lines.join('\n')) });

  for (const [alg, { key }] of Object.entries(pairs)) {
    await taken(signTokenAs(alg, key, CLAIMS, { kid: `${alg}-key` }));
    await taken(signTokenAs(alg, key, CLAIMS));
    const other = alg === 'RS256' ? 'PS256' : 'RS256';
    await refused(signTokenAs(alg, key, CLAIMS, { kid: `${other}-key` }), /algorithm/);
    await refused(signTokenAs(alg, key, CLAIMS, { alg: other }), /signature/);
  }
});

test('accepts the key of a certificate, whose dates and issuer do not count', async (t) => {
  const authority = await makeAuthority(t);
  for (const { cert, key } of [await authority.issue('DNS:issuer'), await authority.expire()]) {
    const { taken, refused } = await startWithKeys(t, {
      JWT_ALGORITHM: 'ES256', JWT_PUBLIC_KEY: cert,
    });
    await taken(signTokenWith(createPrivateKey(readFileSync(key)), CLAIMS));
    await refused(signTokenWith(EC.key, CLAIMS), /signature/);
    await refused(signHs('HS256', readFileSync(cert, 'utf8')), /algorithm/);
  }
});

test('accepts the forms in which other programs write a public key', async (t) => {
  const { write } = temporaryFiles(t);
  const pkcs1 = RSA.publicKey.export({ type: 'pkcs1', format: 'pem' });
  const files = [
    ['PKCS#1', pkcs1],
    ['lines that end with CR and LF', RSA.pem.replaceAll('\n', '\r\n')],
    ['text around the key', `Issued by us:\n\n${RSA.pem}\nthe end\n`],
    ['a byte order mark', `\ufeff${RSA.pem}`],
    ['another key after it', `${pkcs1}${OTHER_RSA.pem}`],
  ];
  for (const [name, text] of files) {
    await t.test(`accepts a file with ${name}`, async (t) => {
      const { taken, refused } = await startWithKeys(t, {
        JWT_KEYS_FILE: write('keys', `r RS256 ${write('key.pem', text)}\n`),
      });
      await taken(signTokenWith(RSA.key, CLAIMS));
      await refused(signTokenWith(OTHER_RSA.key, CLAIMS), /signature/);
    });
  }
});

test('secrets with special characters', async (t) => {
  const secrets = ['a,b', 'a b\tc', '-----BEGIN PUBLIC KEY-----', '/etc/passwd', '"q"', 'k HS256 x'];
  for (const JWT_SECRET of secrets) {
    await t.test(`takes ${JWT_SECRET} as one secret`, async (t) => {
      const { taken, refused } = await startWithKeys(t, { JWT_SECRET });
      await taken(signHs('HS256', JWT_SECRET));
      await refused(signHs('HS256', JWT_SECRET.slice(0, 1)));
    });
  }
});

test('accepts the previous secret only while it is configured', async (t) => {
  const both = await startWithKeys(t, { JWT_SECRET: 'new', JWT_SECRET_PREVIOUS: 'old' });
  await both.taken(signHs('HS256', 'new'));
  await both.taken(signHs('HS256', 'old'));
  await both.taken(signHs('HS256', 'old', { kid: 'a name' }));
  await both.refused(signHs('HS256', 'older'), /signature/);
  await both.refused(signHs('HS512', 'old'), /algorithm/);

  const after = await startWithKeys(t, { JWT_SECRET: 'new' });
  await after.refused(signHs('HS256', 'old'), /signature/);
});

test('JWT_KEYS_FILE', async (t) => {
  const { write } = temporaryFiles(t);
  write('rsa.pem', RSA.pem);
  const keys = write('keys', [
    '# kid algorithm key',
    'a HS256 first secret', 'b HS256 second secret', 'c HS512 third secret',
    'r RS256 rsa.pem', `e ES256 ${write('ec.pem', EC.pem)}`, '',
  ].join('\n'));
  const { server, taken, refused } = await startWithKeys(t, {
    JWT_KEYS_FILE: keys, JWT_SECRET: SECRET,
  });

  await t.test('chooses the key by the kid', async () => {
    await taken(signHs('HS256', 'first secret', { kid: 'a' }));
    await taken(signHs('HS256', 'second secret', { kid: 'b' }));
    await taken(signHs('HS512', 'third secret', { kid: 'c' }));
    await taken(signTokenWith(RSA.key, CLAIMS, { kid: 'r' }));
    await taken(signTokenWith(EC.key, CLAIMS, { kid: 'e' }));
    await refused(signHs('HS256', 'first secret', { kid: 'b' }), /signature/);
    await refused(signHs('HS256', 'third secret', { kid: 'c' }), /algorithm/);
    await refused(signTokenWith(OTHER_RSA.key, CLAIMS, { kid: 'r' }), /signature/);
  });

  await t.test('tries all keys of the algorithm for a token without a kid', async () => {
    await taken(signHs('HS256', 'first secret'));
    await taken(signHs('HS256', 'second secret'));
    await taken(signHs('HS512', 'third secret'));
    await taken(signTokenWith(RSA.key, CLAIMS));
    await taken(signTokenWith(EC.key, CLAIMS));
    await refused(signHs('HS384', 'first secret'), /algorithm/);
    await refused(signHs('HS512', 'first secret'), /signature/);
  });

  await t.test('refuses an unknown kid although a key would verify the token', async () => {
    for (const kid of ['d', 'A', '', 'a ', 'first secret']) {
      await refused(signHs('HS256', 'first secret', { kid }), /kid is unknown/);
    }
    await refused(signHs('HS256', 'first secret', { kid: 7 }), /kid/);
  });

  await t.test('takes the algorithm from the key', async () => {
    for (const kid of ['r', 'a', 'e', undefined]) {
      await refused(signHs('HS256', RSA.pem, { kid }));
      await refused(signHs('HS256', EC.pem, { kid }));
      await refused(signToken(CLAIMS, { secret: RSA.pem, header: { alg: 'RS256', kid } }));
    }
  });

  await t.test('accepts no other key and logs none', async () => {
    await refused(signHs('HS256', SECRET), /signature/);
    await refused(signHs('HS256', 'eventhub_secret'), /signature/);
    assert.doesNotMatch(server.stderr, /(first|second|third) secret|default_secret/);
  });
});

test('refuses tokens of another audience or issuer', async (t) => {
  const { taken, refused } = await startWithKeys(t, {
    JWT_SECRET: SECRET, JWT_AUDIENCE: 'eventhub', JWT_ISSUER: 'https://login.example',
  });
  const good = { ...CLAIMS, aud: 'eventhub', iss: 'https://login.example' };
  await taken(signToken(good));
  await taken(signToken({ ...good, aud: ['shop', 'eventhub'] }));
  for (const aud of [undefined, '', 'shop', ['shop'], [], 'Eventhub', 7, [['eventhub']]]) {
    await refused(signToken({ ...good, aud }), /audience/);
  }
  for (const iss of [undefined, '', 'https://login.example/', ['https://login.example'], 7]) {
    await refused(signToken({ ...good, iss }), /issuer/);
  }
});

test('reads secrets from files', async (t) => {
  const { write } = temporaryFiles(t);
  const { server, taken, refused } = await startWithKeys(t, {
    JWT_SECRET_FILE: write('secret', 'from a file\n'),
    JWT_SECRET_PREVIOUS_FILE: write('previous', ' older '),
  });
  await taken(signHs('HS256', 'from a file'));
  await taken(signHs('HS256', ' older '));
  await refused(signHs('HS256', 'from a file\n'));
  await refused(signHs('HS256', 'older'));
  await refused(signHs('HS256', 'eventhub_secret'));
  assert.doesNotMatch(server.stderr, /from a file|older|default_secret/);
});

test('options that conflict', async (t) => {
  const { directory, write } = temporaryFiles(t);
  const rsa = write('rsa.pem', RSA.pem);
  const material = 'MATERIAL-THAT-NOBODY-MAY-SEE';
  const bad = [
    ['the algorithm ES256K', { JWT_ALGORITHM: 'ES256K' }, /^eventhub: JWT_ALGORITHM must be HS256, .* or EdDSA, not "ES256K"/],
    ['the algorithm none', { JWT_ALGORITHM: 'none' }, /JWT_ALGORITHM/],
    ['RS256 without a key', { JWT_ALGORITHM: 'RS256' }, /JWT_ALGORITHM.*JWT_PUBLIC_KEY/],
    ['a key without RS256', { JWT_PUBLIC_KEY: rsa }, /JWT_PUBLIC_KEY.*JWT_ALGORITHM/],
    ['an RSA key for ES256', { JWT_ALGORITHM: 'ES256', JWT_PUBLIC_KEY: rsa }, /not an EC key/],
    ['a missing key file', { JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: `${directory}/no` }, /No such/],
    ['a directory as a file', { JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: directory }, /directory/],
    ['a private key', {
      JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: write('private.pem', RSA.privatePem),
    }, /JWT_PUBLIC_KEY: .*private.pem: the key is not a public key but a private one \(openssl pkey -in FILE -pubout converts it\)/],
    ['a request for a certificate', {
      JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: write('request.pem',
        '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'),
    }, /JWT_PUBLIC_KEY: .*request.pem: the key is not a public key or a certificate in PEM/],
    ['a wrong curve', {
      JWT_ALGORITHM: 'ES256', JWT_PUBLIC_KEY: write('p384.pem', P384.pem),
    }, /P-256/],
    ['a file of keys with a mistake', {
      JWT_KEYS_FILE: write('keys', `a HS256 ${material}\nb HS257 ${material}\n`),
    }, /JWT_KEYS_FILE: .*keys:2: the algorithm must be/],
    ['a file of keys without keys', { JWT_KEYS_FILE: write('none', '# none\n') }, /no key/],
    ['a secret twice', {
      JWT_SECRET: material, JWT_SECRET_FILE: write('secret', material),
    }, /JWT_SECRET_FILE conflicts with JWT_SECRET/],
    ['an empty secret', { JWT_SECRET_FILE: write('empty', '\n') }, /JWT_SECRET_FILE: .*empty/],
    ['a missing password file', { REDIS_PASSWORD_FILE: `${directory}/no` }, /REDIS_PASSWORD_FILE: /],
  ];
  for (const [name, options, why] of bad) {
    await t.test(`refuses ${name} with one line`, async () => {
      for (const args of [[], ['--check-config']]) {
        const env = { LISTEN_PORT: '0', BROKER: 'memory', ...options };
        const { code, stdout, stderr } = await runToExit(env, { args });
        assert.equal(code, 1);
        assert.equal(stdout, '');
        assert.match(stderr, /^eventhub: [^\n]+\n$/);
        assert.match(stderr, why);
        assert.ok(!stderr.includes(material) && !stderr.includes('BEGIN'));
      }
    });
  }

  await t.test('accepts options that fit together without any output', async () => {
    const env = { JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: rsa, JWT_AUDIENCE: 'x' };
    const { code, stderr } = await runToExit(env, { args: ['--check-config'] });
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });
});

test('SIGHUP reads the files of keys again', async (t) => {
  const { write } = temporaryFiles(t);
  const jwk = ({ publicKey }, members) => ({ ...publicKey.export({ format: 'jwk' }), ...members });
  const set = (...keys) => write('jwks.json', JSON.stringify({ keys }));
  const { server, taken, refused } = await startWithKeys(t, {
    JWT_KEYS_FILE: write('keys', 'a HS256 first secret\n'),
    JWT_JWKS_FILE: set(jwk(RSA, { kid: 'r' }), jwk(ED25519, { kid: 'e', use: 'enc' })),
  });
  assert.match(server.stderr, /event=keys_skipped file=JWT_JWKS_FILE keys=1 why="the use of the key is not sig"/);
  await taken(signHs('HS256', 'first secret', { kid: 'a' }));
  await taken(signTokenAs('RS384', RSA.key, CLAIMS, { kid: 'r' }));
  await refused(signTokenAs('EdDSA', ED25519.key, CLAIMS, { kid: 'e' }), /kid is unknown/);
  const headers = { Authorization: signTokenAs('RS256', RSA.key, CLAIMS, { kid: 'r' }) };
  const staying = await openClient(t, server, { headers });

  write('keys', 'b HS256 second secret\n');
  set(jwk(ED25519, { kid: 'e' }));
  server.child.kill('SIGHUP');
  await server.until('the new keys', () => /event=keys_loaded keys=2/.test(server.stderr));
  await taken(signHs('HS256', 'second secret', { kid: 'b' }));
  await taken(signTokenAs('EdDSA', ED25519.key, CLAIMS, { kid: 'e' }));
  await refused(signHs('HS256', 'first secret', { kid: 'a' }), /kid is unknown/);
  await refused(signTokenAs('RS256', RSA.key, CLAIMS, { kid: 'r' }), /kid is unknown/);
  await staying.roundTrip();

  await t.test('and keeps the old keys if one of them is malformed', async () => {
    write('jwks.json', '{"keys":[]}');
    server.child.kill('SIGHUP');
    await server.untilMetric('the refusal', (now) => now.token_key_reloads_refused_total === 1);
    await server.until('the reason', () =>
      /event=keys_refused why="JWT_JWKS_FILE: .*jwks.json: the set holds no key"/.test(server.stderr));
    await taken(signHs('HS256', 'second secret', { kid: 'b' }));
    await taken(signTokenAs('EdDSA', ED25519.key, CLAIMS, { kid: 'e' }));
  });
});
