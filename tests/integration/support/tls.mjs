// A server with TLS, and TLS clients that inspect it.

import { copyFileSync, renameSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { LOOPBACK, makeAuthority } from './certs.mjs';
import { defer } from './cleanup.mjs';
import { startServer } from './server.mjs';
import { Watched, within } from './wait.mjs';

/** Replaces the files of a pair, each atomically, as a careful administrator does. */
export function install(pair, from) {
  for (const which of ['key', 'cert']) {
    copyFileSync(from[which], `${pair[which]}.new`);
    renameSync(`${pair[which]}.new`, pair[which]);
  }
}

export function tlsOptions(pair) {
  return {
    ENABLE_SSL: 'true',
    SSL_LISTEN_PORT: '0',
    SSL_CERTIFICATE: pair.cert,
    SSL_PRIVATE_KEY: pair.key,
  };
}

/**
 * Starts a server with a TLS listener. It has more members: `authority`; `files`, the pair that it was
 * given, in which a test installs others; `first`, the original pair; and `ca`, which clients trust.
 */
export async function startTlsServer(t, options = {}, how = {}) {
  const authority = await makeAuthority(t);
  const first = await authority.issue(LOOPBACK, { subject: 'first' });
  const files = { cert: join(authority.dir, 'live.pem'), key: join(authority.dir, 'live.key') };
  install(files, first);
  const server = await startServer(t, { ...tlsOptions(files), ...options }, how);
  return Object.assign(server, { authority, first, files, ca: authority.pem });
}

/** A TLS connection for raw bytes. */
export class TlsSocket extends Watched {
  received = '';
  error = null;

  constructor(t, { tlsPort, ca }, options = {}) {
    super();
    this.socket = connect({ host: '127.0.0.1', port: tlsPort, ca, ...options });
    this.socket.setEncoding('latin1').on('data', (text) => {
      this.received += text;
      this.changed();
    });
    this.socket.on('session', (session) => {
      this.session = session;
      this.changed();
    });
    this.socket.on('error', (error) => (this.error = error));
    this.socket.on('end', () => this.end());
    this.socket.on('close', () => this.end());
    defer(t, () => this.socket.destroy());
    const { promise, resolve, reject } = withResolvers();
    this.secured = promise;
    this.secured.catch(() => {}); // for untilSecure
    this.socket.on('secureConnect', resolve).on('error', reject);
  }

  async untilSecure() {
    await within(this.secured, 'the TLS handshake');
    return this;
  }

  get subject() {
    return this.socket.getPeerCertificate().subject.CN;
  }

  untilReceived(pattern) {
    return this.until(`${pattern}`, () => pattern.test(this.received));
  }

  untilEnd() {
    return this.until('end of the connection', () => this.ended);
  }

  /** Sends a request; resolves to its answer as text. */
  async get(path) {
    this.received = '';
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await this.untilReceived(/\r\n\r\n./s);
    return this.received;
  }
}

function withResolvers() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}

export function openTls(t, server, options) {
  return new TlsSocket(t, server, options).untilSecure();
}

/** The error of a handshake. Fails the test if the handshake succeeds. */
export async function tlsErrorOf(t, server, options) {
  try {
    await openTls(t, server, options);
  } catch (error) {
    return error;
  }
  throw new Error('the handshake should have failed');
}

/** { status, headers, body } of a GET over HTTPS, on its own connection. */
export function httpsGet({ tlsPort, ca }, path, headers = {}) {
  const answered = new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: tlsPort, ca, path, headers, agent: false };
    const outgoing = request(options, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (text) => (body += text));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject).end();
  });
  return within(answered, `GET ${path} over HTTPS`);
}
