// Certificates for tests, made by openssl in a temporary directory.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { defer } from './cleanup.mjs';

const run = promisify(execFile);
const CA_EXTENSIONS = 'basicConstraints = critical, CA:TRUE';
export const LOOPBACK = 'DNS:localhost,IP:127.0.0.1';

class Authority {
  #serial = 0;

  constructor(name) {
    this.name = name;
    this.dir = mkdtempSync(join(tmpdir(), 'eventhub-certs-'));
    this.ca = join(this.dir, 'ca.pem');
    this.caKey = join(this.dir, 'ca.key');
  }

  /** The certificate of the authority, as text. */
  get pem() {
    return readFileSync(this.ca, 'utf8');
  }

  async #make(subject, { cert, key, extensions, signer = [] }) {
    const config = join(this.dir, 'openssl.cnf');
    writeFileSync(config, `[req]\ndistinguished_name = dn\n[dn]\n[extensions]\n${extensions}\n`);
    await run('openssl', ['req', '-x509', '-config', config, '-extensions', 'extensions',
      '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', `/CN=${subject}`, '-keyout', key, '-out', cert, ...signer]);
  }

  get #signer() {
    return ['-CA', this.ca, '-CAkey', this.caKey];
  }

  async open() {
    await this.#make(this.name, { cert: this.ca, key: this.caKey, extensions: CA_EXTENSIONS });
  }

  /** Issues a certificate for these names, for example LOOPBACK: { cert, key }, paths. */
  async issue(names, { subject = this.name } = {}) {
    const base = join(this.dir, `cert-${this.#serial++}`);
    const pair = { cert: `${base}.pem`, key: `${base}.key` };
    const extensions = `basicConstraints = critical, CA:FALSE\nsubjectAltName = ${names}`;
    await this.#make(subject, { ...pair, extensions, signer: this.#signer });
    return pair;
  }

  /** Makes an expired certificate of the authority itself: { cert, key }. */
  async expire() {
    const cert = join(this.dir, 'expired.pem');
    await run('openssl', ['x509', '-in', this.ca, '-signkey', this.caKey, '-days', '-1',
      '-out', cert]);
    return { cert, key: this.caKey };
  }

  /** Makes an intermediate authority, signed by this one. */
  async delegate(t, name) {
    const other = makeEmpty(t, name);
    const files = { cert: other.ca, key: other.caKey, extensions: CA_EXTENSIONS };
    await this.#make(name, { ...files, signer: this.#signer });
    return other;
  }
}

function makeEmpty(t, name) {
  const authority = new Authority(name);
  defer(t, () => rmSync(authority.dir, { recursive: true, force: true }));
  return authority;
}

export async function makeAuthority(t, name = 'Test CA') {
  const authority = makeEmpty(t, name);
  await authority.open();
  return authority;
}
