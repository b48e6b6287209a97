// Tokens as other programs write them, where clients put them, and what a 401 says about them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpPost } from './support/http.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';
import { openStream, refusedStream } from './support/sse.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const CLAIMS = { read: ['#'], write: ['#'], sub: 'x' };

/** The payload of CLAIMS as text, with more members. */
function payload(members) {
  return JSON.stringify(CLAIMS).replace(/\}$/, `,${members}}`);
}

function assertStartsWith(text, start) {
  assert.ok(text.startsWith(start), `"${text}" does not start with "${start}"`);
}

async function handshakeAnswer(t, server, fields, target) {
  const socket = await openSocket(t, server);
  await socket.send(handshake(fields, target));
  return socket.readResponse();
}

test('tokens of other libraries', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const now = secondsFromNow(0);
  const half = String.raw`\ud83d`;
  const nul = String.raw`\u0000`;
  const tokens = [
    // lcobucci/jwt for PHP writes microseconds
    ['fractions in exp, nbf and iat', signToken(payload(
      `"iat":${now - 1}.123456,"nbf":${now - 1}.123456,"exp":${now + 3600}.123456`))],
    ['exp with an exponent', signToken(payload('"exp":4e9,"nbf":0.0,"iat":1.7E+9'))],
    ['typ at+jwt', signToken(CLAIMS, { header: { typ: 'at+jwt' } })],
    ['typ AT+JWT', signToken(CLAIMS, { header: { typ: 'AT+JWT' } })],
    ['typ application/at+jwt', signToken(CLAIMS, { header: { typ: 'application/at+jwt' } })],
    ['typ application/JWT', signToken(CLAIMS, { header: { typ: 'application/JWT' } })],
    ['no typ', signToken(CLAIMS, { header: { typ: undefined } })],
    ['a large number', signToken(payload('"jti":18446744073709551616,"x":[1e999,-1e999]'))],
    ['U+0000 in another claim', signToken(payload(`"x":"a${nul}b","y${nul}":1`))],
    ['half an emoji in another claim', signToken(payload(`"name":"hi ${half}","${half}":{}`))],
    ['another claim twice', signToken(payload('"x":1,"x":2,"y":{"z":1,"z":1}'))],
    ['an iat that is not a number', signToken(payload('"iat":"yesterday"'))],
    ['any aud and iss', signToken(payload(`"aud":1e999,"iss":"${half}"`))],
    ['any JSON in the header', signToken(CLAIMS, { header: { x5c: ['MII='], jwk: { n: 1 } } })],
  ];
  for (const [name, token] of tokens) {
    await t.test(`accepts ${name}`, async (t) => {
      const client = await openClient(t, server, { headers: { Authorization: `Bearer ${token}` } });
      assert.equal((await client.call('auth', { token })).status, 'ok');
      await openStream(t, server, `/a?auth=${token}`);
      assert.equal((await httpPost(server, '/a', 'x', { Authorization: token })).status, 200);
    });
  }
});

test('the place of the token', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const good = signToken(CLAIMS);
  const bad = signToken(CLAIMS, { secret: 'another' });

  // A proxy or a browser adds these for itself.
  const others = ['', ' ', 'Basic dXNlcjpwYXNz', 'basic a.b', 'Negotiate', 'Token abc',
    'Digest username="a.b", realm="x.y"', 'undefined'];
  for (const Authorization of others) {
    await t.test(`takes auth from the query beside "Authorization: ${Authorization}"`, async (t) => {
      const headers = { Authorization };
      assert.equal((await handshakeAnswer(t, server, headers, `/?auth=${good}`)).status, 101);
      await openStream(t, server, `/a?auth=${good}`, headers);
      assert.equal((await httpPost(server, `/a?auth=${good}`, 'x', headers)).status, 200);
      for (const query of [`auth=${bad}`, 'auth=', 'other=1']) {
        assert.equal((await handshakeAnswer(t, server, headers, `/?${query}`)).status, 401);
        assert.equal((await refusedStream(server, `/a?${query}`, headers)).status, 401);
        assert.equal((await httpPost(server, `/a?${query}`, 'x', headers)).status, 401);
      }
    });
  }

  const bearers = [`Bearer ${bad}`, `bearer ${bad}`, bad, 'Bearer', 'Bearer undefined', 'a.b.c'];
  for (const Authorization of bearers) {
    await t.test(`ignores auth in the query beside "${Authorization.slice(0, 20)}"`, async (t) => {
      const headers = { Authorization };
      assert.equal((await handshakeAnswer(t, server, headers, `/?auth=${good}`)).status, 401);
      assert.equal((await refusedStream(server, `/a?auth=${good}`, headers)).status, 401);
      assert.equal((await httpPost(server, `/a?auth=${good}`, 'x', headers)).status, 401);
    });
  }
});

test('the reason of a 401', async (t) => {
  const server = await startServer(t, {
    ...WITH_AUTH, JWT_AUDIENCE: 'us', JWT_ISSUER: 'https://login.example',
  });
  const mine = { ...CLAIMS, aud: 'us', iss: 'https://login.example' };
  const text = (members) => JSON.stringify(mine).replace(/\}$/, `,${members}}`);
  const with_ = (claims) => signToken({ ...mine, ...claims });
  const half = String.raw`\ud83d`;
  const [head, body, signature] = signToken(mine).split('.');
  const reasons = [
    ['', 'there is no token'],
    ['undefined', 'the token must have three parts with dots'],
    [`${head}.${body}`, 'the token must have three parts with dots'],
    [`${head}=.${body}.${signature}`, "the token's header must be base64url without padding"],
    [`${head}.${body}.${signature}==`, "the token's signature must be base64url without padding"],
    [`aGk.${body}.${signature}`, "the token's header is not a JSON object"],
    [`${head}.${body}.${signature.slice(1)}A`, "the token's signature is wrong"],
    [signToken('hi'), "the token's payload is not a JSON object"],
    [signToken(mine, { header: { typ: 'JWS' } }), "the token's typ must be JWT or at+jwt"],
    [signToken(mine, { header: { kid: 7 } }), "the token's kid must be a string"],
    [signToken(mine, { header: { crit: ['b64'] } }), 'the token needs an extension, and the server supports none (crit)'],
    [signToken(mine, { header: { alg: 'HS384' } }), "the token's algorithm (alg) is not accepted"],
    [with_({ exp: secondsFromNow(-1) + 0.5 }), 'the token has expired: the claim exp is in the past'],
    [with_({ exp: '1' }), 'the claim exp must be a number of seconds'],
    [with_({ nbf: secondsFromNow(60) + 0.5 }), 'the token is not valid yet: the claim nbf is in the future'],
    [with_({ nbf: null }), 'the claim nbf must be a number of seconds'],
    [with_({ aud: undefined }), 'the claim aud is missing'],
    [with_({ aud: ['them'] }), "the claim aud does not name the server's audience"],
    [with_({ iss: undefined }), 'the claim iss is missing'],
    [with_({ iss: 'https://login.example/' }), "the claim iss does not name the server's issuer"],
    [with_({ sub: 7 }), 'the claim sub must be a string'],
    [with_({ sub: 'x'.repeat(257) }), 'the claim sub is longer than 256 bytes'],
    [with_({ read: 'a' }), 'the claim read must be an array'],
    [with_({ write: {} }), 'the claim write must be an array'],
    [with_({ presence: true }), 'the claim presence must be an array'],
    [with_({ read: [], write: ['/x'] }), 'the claims read and write have no valid topic'],
    [signToken(text('"exp":1,"exp":4e9')), 'the claim exp occurs more than once'],
    [signToken(text(String.raw`"\u0073ub":"y"`)), 'the claim sub occurs more than once'],
    [signToken(text('"aud":"us"')), 'the claim aud occurs more than once'],
    [signToken(text('"exp":1e999')), 'the claim exp holds U+0000, half a surrogate pair, a duplicate name or a number out of range'],
    [signToken(text(`"presence":["${half}"]`)), 'the claim presence holds U+0000, half a surrogate pair'],
  ];
  const client = await openClient(t, server, { headers: { Authorization: signToken(mine) } });
  for (const [token, why] of reasons) {
    await t.test(`says "${why}"`, async (t) => {
      const answer = await handshakeAnswer(t, server, {}, `/?auth=${encodeURIComponent(token)}`);
      assert.equal(answer.status, 401);
      assertStartsWith(JSON.parse(answer.body).error, why);
      const headers = { Authorization: `Bearer ${token}` };
      assertStartsWith((await refusedStream(server, '/a', headers)).error, why);
      assertStartsWith((await errorOf(client.call('auth', { token }))).data, `token: ${why}`);
    });
  }

  await t.test('names the place where the token is missing', async (t) => {
    const places = [
      [{ Authorization: 'Basic abc' }, '/',
        'there is no token: the Authorization header must be Bearer TOKEN'],
      [{ Authorization: 'Bearer' }, '/',
        'there is no token after Bearer in the Authorization header'],
      [{}, '/?auth=%zz', 'the query parameter auth must be URL-encoded'],
      [{}, '/?auth=', 'there is no token'],
      [{}, '/', 'there is no token'],
    ];
    for (const [fields, target, why] of places) {
      const answer = await handshakeAnswer(t, server, fields, target);
      assert.equal(answer.status, 401);
      assert.equal(JSON.parse(answer.body).error, why);
    }
  });

  await t.test('is logged without anything of the token', async () => {
    assert.match(server.stderr, /event=unauthorized .*why=.*the claim exp is in the past/);
    assert.match(server.stderr, /event=unauthorized .*why=.*the claim aud is missing/);
    for (const secret of [signature, body, SECRET, 'login.example']) {
      assert.ok(!server.stderr.includes(secret), secret);
    }
  });
});
