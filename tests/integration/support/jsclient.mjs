// The npm client over wss, in its own process (jsclient-session.mjs gives the reason).

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { within } from './wait.mjs';

const SESSION = fileURLToPath(new URL('jsclient-session.mjs', import.meta.url));

/** Runs a session of the npm client that trusts the authority; resolves to what it received. */
export async function runSession({ tlsPort }, authority) {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.ca };
  const args = [SESSION, `wss://127.0.0.1:${tlsPort}`];
  const { stdout } = await within(
    promisify(execFile)(process.execPath, args, { env }), 'the session');
  return JSON.parse(stdout);
}
