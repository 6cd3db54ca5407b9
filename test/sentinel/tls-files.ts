// tls-files: certificates for the tests of sentinels over TLS, made by openssl.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export class TlsFiles {
  constructor(readonly folder: string) {
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2'];
    this.openssl('req', '-x509', ...key, '-subj', '/CN=authority');
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  private openssl(...words: string[]): string {
    return execFileSync('openssl', words, { cwd: this.folder, encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A key and a certificate of the authority. */
  issue(name: string): void {
    this.openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
    );
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    this.openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`);
  }

  /** Directives of a server or sentinel that speaks nothing but TLS, also to others. */
  directives(tlsPort: number, name: string): [string, string][] {
    return [
      ['port', '0'],
      ['tls-port', String(tlsPort)],
      ['tls-replication', 'yes'],
      ['tls-ca-cert-file', this.file('ca.crt')],
      ['tls-cert-file', this.file(`${name}.crt`)],
      ['tls-key-file', this.file(`${name}.key`)],
    ];
  }
}
