import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from './sockets.js';

const skip = process.platform === 'win32' && 'a named pipe has no permissions';

test('a unix socket has its permissions before anybody can connect', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-sockets-'));
  const mask = process.umask();
  try {
    for (const permissions of [0o600, 0o620, 0o777]) {
      const path = join(folder, `${permissions}.sock`);
      const listening = listen(createServer(), { path, permissions, backlog: 1 });
      assert.equal(statSync(path).mode & 0o777, permissions, 'as soon as the file is there');
      assert.equal(process.umask(), mask);
      const server = await listening;
      assert.equal(statSync(path).mode & 0o777, permissions);
      server.close();
    }
    const missing = join(folder, 'missing', 'a.sock');
    await assert.rejects(listen(createServer(), { path: missing, permissions: 0o600, backlog: 1 }));
    assert.equal(process.umask(), mask);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
