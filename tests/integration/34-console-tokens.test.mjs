// The console judges tokens and topics without asking the server, and comes to the same result.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';

import { readToken, tokenFault } from '../../src/console/js/lib/jwt.js';
import { covers, isTopic, isTopicOrPattern } from '../../src/console/js/lib/topic.js';
import { httpPost } from './support/http.mjs';
import { secondsFromNow, SECRET, signToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { SANITIZED } from './support/wait.mjs';

const ALL = { read: ['#'], write: ['#'] };

/** A token whose parts are these texts. */
function tokenOf(header, payload) {
  const signed = [header, payload].map((text) => Buffer.from(text).toString('base64url')).join('.');
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const HEADER = '{"alg":"HS256"}';
const rlimit = (...rules) => signToken({ ...ALL, sub: 'a', rlimit: rules });
const TOKENS = [
  signToken(ALL), signToken({ ...ALL, exp: secondsFromNow(60), nbf: secondsFromNow(-60) }),
  signToken({ ...ALL, exp: secondsFromNow(-1) }), signToken({ ...ALL, exp: '7' }), signToken({ ...ALL, exp: null }),
  signToken({ ...ALL, nbf: secondsFromNow(60) }), signToken({ ...ALL, nbf: [] }),
  signToken({ ...ALL, sub: 7 }), signToken({ ...ALL, sub: 'ä'.repeat(128) }), signToken({ ...ALL, sub: 'ä'.repeat(129) }),
  signToken({ ...ALL, presence: '#' }), signToken({ read: {} }), signToken({}), signToken({ read: [' ', 7], write: [] }),
  signToken({ write: ['a/+', 'b c'] }), signToken({ admin: ['log'] }), signToken({ admin: ['x', 7] }),
  signToken({ admin: true }), signToken({ ...ALL, admin: {}, jti: 7, iat: 'x' }),
  rlimit({ topic: 'a', interval: 1, max: 0 }), rlimit({ topic: 'a ', interval: 1, max: 1 }), rlimit('a'), rlimit([]),
  rlimit({ topic: 'a', interval: 31536001, max: 1 }), rlimit({ topic: 'a', interval: 1.5, max: 1 }),
  rlimit({ topic: 'a', interval: 1, max: -1 }), rlimit({ topic: 'a', interval: 1, max: 2 ** 54 }),
  rlimit(...Array(65).fill({ topic: 'a', interval: 1, max: 1 })), signToken({ ...ALL, rlimit: 'none' }), signToken({ ...ALL, rlimit: null }),
  signToken(ALL, { header: { typ: 'at+jwt' } }), signToken(ALL, { header: { typ: 'application/JWT' } }),
  signToken(ALL, { header: { typ: 'x' } }), signToken(ALL, { header: { crit: ['exp'] } }), signToken(ALL, { header: { kid: 5 } }),
  signToken(ALL, { header: { typ: ['JWT'] } }), signToken(ALL, { header: { typ: { toString: 1 } } }),
  'a.b', 'a.b.c.d', 'ab=.e30.x', tokenOf('[]', '{}'), tokenOf(HEADER, '[]'), tokenOf(HEADER, '{"read":'), tokenOf(HEADER, ''),
];

describe('the console and the server', { skip: SANITIZED && 'says nothing about the build' }, () => {
  test('give the same reasons for refusing a token', async (t) => {
    const server = await startServer(t, { DISABLE_AUTH: undefined, JWT_SECRET: SECRET });
    for (const text of TOKENS) {
      const token = readToken(text);
      const fault = token.fault ?? tokenFault(token, Date.now());
      const answer = await httpPost(server, '/a', 'x', { Authorization: `Bearer ${text}` });
      assert.equal(fault ?? 'none', answer.status === 401 ? answer.json.error : 'none', text);
    }
  });

  test('agree on topics, patterns, and what a pattern covers', async (t) => {
    const server = await startServer(t, { DISABLE_AUTH: undefined, JWT_SECRET: SECRET });
    const texts = [
      'a', 'a/b', 'a//b', 'a/b/c', 'b', '#', '+', '+/#', '+/+', 'a/#', 'a/+', 'a/+/#', 'a//#', 'a//+/#', 'a/+/c', '+/b/#', '+//b',
    ];
    const invalid = ['', '/a', 'a/', 'a b', '#/a', 'a#', 'a/b+', 'ä', 'x'.repeat(257)];
    for (const wide of texts) {
      const client = await openClient(t, server, { headers: { Authorization: `Bearer ${signToken({ read: [wide], write: ['#'] })}` } });
      for (const narrow of texts) {
        const { result } = await client.request('presence', { topic: narrow });
        assert.equal(covers(wide, narrow), result !== undefined, `${wide} covers ${narrow}`);
      }
      for (const topic of wide === 'a' ? [...texts, ...invalid] : []) {
        const { error } = await client.request('publish', { topic, message: 'x' });
        assert.equal(isTopic(topic), error === undefined, `topic "${topic}"`);
      }
      for (const topic of wide === '#' ? [...texts, ...invalid] : []) {
        const { error } = await client.request('presence', { topic });
        assert.equal(isTopicOrPattern(topic), error === undefined, `pattern "${topic}"`);
      }
    }
  });
});
