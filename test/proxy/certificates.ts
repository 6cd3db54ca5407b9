// certificates: authorities, keys and certificates for the tests of the proxy over TLS, made by openssl.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';

/** Making one takes a tenth of an RSA key's time. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'kvasir-certificates-'));

  constructor() {
    for (const authority of ['ca', 'other-ca'])
      this.openssl(
        'req',
        '-x509',
        ...newKey,
        '-keyout',
        `${authority}.key`,
        '-out',
        `${authority}.crt`,
        '-days',
        '2',
        '-subj',
        `/CN=${authority}`,
      );
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  private openssl(...words: string[]): string {
    return execFileSync('openssl', words, { cwd: this.folder, encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A key and a certificate; one of -1 days has expired. */
  issue(name: string, { authority = 'ca', days = 2 } = {}): void {
    this.openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', String(days)];
    this.openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`);
  }

  /** Puts one certificate with its key in the place of another. */
  replace(name: string, by: string): void {
    for (const kind of ['key', 'crt']) copyFileSync(this.file(`${by}.${kind}`), this.file(`${name}.${kind}`));
  }

  /** As Node spells it. */
  serialOf(name: string): string {
    return this.openssl('x509', '-noout', '-serial', '-in', `${name}.crt`).trim().replace('serial=', '');
  }

  /** The options of a client of Node; without a `name` it has no certificate. */
  options(name?: string): SecureContextOptions {
    const ca = readFileSync(this.file('ca.crt'));
    if (name === undefined) return { ca };
    return { ca, cert: readFileSync(this.file(`${name}.crt`)), key: readFileSync(this.file(`${name}.key`)) };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
