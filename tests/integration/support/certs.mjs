// Certificates of the test's own, made by openssl in a temporary directory.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { defer } from './cleanup.mjs';

const run = promisify(execFile);

class Authority {
  #serial = 0;

  constructor(name) {
    this.name = name;
    this.dir = mkdtempSync(join(tmpdir(), 'eventhub-certs-'));
    this.ca = join(this.dir, 'ca.pem');
    this.caKey = join(this.dir, 'ca.key');
  }

  async #make(name, { cert, key, extensions, signer = [] }) {
    const config = join(this.dir, 'openssl.cnf');
    writeFileSync(config, `[req]\ndistinguished_name = dn\n[dn]\n[extensions]\n${extensions}\n`);
    await run('openssl', ['req', '-x509', '-config', config, '-extensions', 'extensions',
      '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', `/CN=${name}`, '-keyout', key, '-out', cert, ...signer]);
  }

  async open() {
    const extensions = 'basicConstraints = critical, CA:TRUE';
    await this.#make(this.name, { cert: this.ca, key: this.caKey, extensions });
  }

  /** A certificate for these names, e.g. `DNS:localhost,IP:127.0.0.1`: { cert, key }, paths. */
  async issue(names) {
    const base = join(this.dir, `cert-${this.#serial++}`);
    const pair = { cert: `${base}.pem`, key: `${base}.key` };
    await this.#make(this.name, {
      ...pair,
      extensions: `basicConstraints = critical, CA:FALSE\nsubjectAltName = ${names}`,
      signer: ['-CA', this.ca, '-CAkey', this.caKey],
    });
    return pair;
  }
}

export async function makeAuthority(t, name = 'Test CA') {
  const authority = new Authority(name);
  defer(t, () => rmSync(authority.dir, { recursive: true, force: true }));
  await authority.open();
  return authority;
}
