// Whom the server takes a client for: the peer in its log, next to a handshake without a token.

import assert from 'node:assert/strict';

import { handshake, openSocket } from './socket.mjs';

/** Options of a server that says so. */
export const TELLS_PEERS = { DISABLE_AUTH: 'false', JWT_SECRET: 'secret' };

/** Resolves to the address and port that the log has for a client that begins with `before`. */
export async function peerOf(t, server, { before = '', fields = {}, socket } = {}) {
  const from = server.stderr.length;
  const client = socket ?? (await openSocket(t, server));
  await client.send(Buffer.concat([Buffer.from(before), Buffer.from(handshake(fields))]));
  assert.equal((await client.readResponse()).status, 401);
  const find = () => /event=unauthorized peer="?([^\s"]+)/.exec(server.stderr.slice(from));
  await server.until('the refusal in the log', find);
  return find()[1];
}
