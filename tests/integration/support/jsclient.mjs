// The npm client over wss, in a process of its own (jsclient-session.mjs says why).

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { within } from './wait.mjs';

const SESSION = fileURLToPath(new URL('jsclient-session.mjs', import.meta.url));

/** The npm client's session with the server, trusting the authority; what it received. */
export async function runSession({ tlsPort }, authority) {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.ca };
  const args = [SESSION, `wss://127.0.0.1:${tlsPort}`];
  const { stdout } = await within(
    promisify(execFile)(process.execPath, args, { env }), 'the session');
  return JSON.parse(stdout);
}
