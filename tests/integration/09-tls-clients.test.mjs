// The npm package over wss. Through proxies: 12-proxy-documented.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeAuthority } from './support/certs.mjs';
import { runSession } from './support/jsclient.mjs';
import { startTlsServer } from './support/tls.mjs';

test('eventhub-jsclient over wss', async (t) => {
  const server = await startTlsServer(t);
  const message = await runSession(server, server.authority);
  assert.equal(message.message, 'over TLS');
  assert.equal(message.topic, 'session/1');
});

test('eventhub-jsclient does not trust just anybody', async (t) => {
  const server = await startTlsServer(t);
  await assert.rejects(runSession(server, await makeAuthority(t, 'Other')));
});
