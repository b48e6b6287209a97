// The npm package over wss. 12-proxy-documented tests it through proxies.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeAuthority } from './support/certs.mjs';
import { runSession } from './support/jsclient.mjs';
import { startTlsServer } from './support/tls.mjs';

test('serves eventhub-jsclient over wss', async (t) => {
  const server = await startTlsServer(t);
  const message = await runSession(server, server.authority);
  assert.equal(message.message, 'over TLS');
  assert.equal(message.topic, 'session/1');
});

test('eventhub-jsclient refuses a certificate of an unknown authority', async (t) => {
  const server = await startTlsServer(t);
  await assert.rejects(runSession(server, await makeAuthority(t, 'Other')));
});
