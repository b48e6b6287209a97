// The address that the server attributes to a client: the peer in its log when it refuses a handshake
// without a token.

import assert from 'node:assert/strict';

import { handshake, openSocket } from './socket.mjs';

/** Options of a server that refuses and logs such handshakes. */
export const TELLS_PEERS = { DISABLE_AUTH: 'false', JWT_SECRET: 'secret' };

/** Resolves to the address and port in the log for a client that begins with `before`. */
export async function peerOf(t, server, { before = '', fields = {}, socket } = {}) {
  const from = server.stderr.length;
  const client = socket ?? (await openSocket(t, server));
  await client.send(Buffer.concat([Buffer.from(before), Buffer.from(handshake(fields))]));
  assert.equal((await client.readResponse()).status, 401);
  const find = () => /event=unauthorized peer="?([^\s"]+)/.exec(server.stderr.slice(from));
  await server.until('the refusal in the log', find);
  return find()[1];
}
