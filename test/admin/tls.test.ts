// The page over TLS: its certificate is renewed while it runs, however the files are replaced; and servers whose certificate is wrong.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { startKvasir } from '../kvasir.js';
import { findFreePort } from '../peer.js';
import { until } from '../sentinel/fleet.js';
import { TlsFiles } from '../sentinel/tls-files.js';
import { firstAdmin, startTestAdmin } from './admin-client.js';

/** The name in the page's certificate, and a header of its answer. */
function look(port: number): Promise<{ name: string; transport: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/api/hello', agent: false, rejectUnauthorized: false });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const name = String((response.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.resume();
      response.on('end', () => resolve({ name, transport: response.headers['strict-transport-security'] }));
    });
    sent.end();
  });
}

test('takes a new certificate while it runs, and keeps the old one when the new is none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-admin-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = new TlsFiles(folder);
  for (const name of ['first', 'second', 'third']) files.issue(name);
  const [certFile, keyFile] = [files.file('page.crt'), files.file('page.key')];
  copyFileSync(files.file('first.crt'), certFile);
  copyFileSync(files.file('first.key'), keyFile);
  const admin = await startTestAdmin(t, { tls: { certFile, keyFile } });
  const nameIs = (name: string): Promise<unknown> =>
    until(`the page is ${name}`, async () => (await look(admin.port)).name === name);
  await nameIs('first');
  assert.ok((await look(admin.port)).transport !== undefined);
  // Files that take the place of others, as most programs write; then links, as certbot and Kubernetes do.
  renameSync(files.file('second.key'), keyFile);
  renameSync(files.file('second.crt'), certFile);
  await nameIs('second');
  for (const [kind, path] of [
    ['key', keyFile],
    ['crt', certFile],
  ] as const) {
    symlinkSync(files.file(`third.${kind}`), `${path}.new`);
    renameSync(`${path}.new`, path);
  }
  await nameIs('third');
  rmSync(certFile);
  writeFileSync(certFile, 'no certificate');
  await until('the fault is told', async () => admin.log.some((line) => /the old one stays/.test(line)));
  assert.equal((await look(admin.port)).name, 'third');
});

test('says so when the certificate of a server is of somebody else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-admin-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = new TlsFiles(folder);
  files.issue('server');
  const other = mkdtempSync(join(tmpdir(), 'kvasir-admin-tls-'));
  t.after(() => rmSync(other, { recursive: true, force: true }));
  const stranger = new TlsFiles(other);
  const tlsPort = await findFreePort();
  const server = await startKvasir({
    args: [
      ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', files.file('ca.crt')],
      ...['--tls-cert-file', files.file('server.crt'), '--tls-key-file', files.file('server.key')],
    ],
  });
  t.after(() => server.stop());
  const admin = await startTestAdmin(t);
  const root = await firstAdmin(admin);
  const attempt = (caFile: string) =>
    root.post('/api/servers/try', { name: 'x', nodes: [`127.0.0.1:${tlsPort}`], tls: { caFile } });
  const right = await attempt(files.file('ca.crt'));
  assert.equal(right.status, 200, right.text);
  const wrong = await attempt(stranger.file('ca.crt'));
  assert.equal(wrong.status, 502, wrong.text);
  assert.match(String(wrong.json().message), /certificate|self-signed/i);
});
