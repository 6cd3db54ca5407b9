import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { encodeCommand } from '../../client/encode-command.js';
import { readAhead } from './aof-commands.js';

const folder = mkdtempSync(join(tmpdir(), 'kvasir-aof-commands-'));
after(() => rmSync(folder, { recursive: true }));
const nowMs = Date.UTC(2026, 0, 1);

async function isRefused(command: string): Promise<boolean> {
  const path = join(folder, 'one.aof');
  writeFileSync(path, encodeCommand(command.split(' ')));
  return (await readAhead(path, nowMs)).obstacle !== undefined;
}

it('commands that do the same whenever they run go to the server', async () => {
  for (const command of [
    'SET k v',
    'SET k v PXAT 9999999999999',
    'PEXPIREAT k 9999999999999',
    'HPEXPIREAT k 9999999999999 FIELDS 1 f',
    'XADD s 1-1 f v',
    'XADD s NOMKSTREAM MAXLEN = 10 1-1 f v',
    'XADD s MINID 5 6-1 ~ v',
    'XTRIM s MAXLEN = 10',
    'XTRIM s MINID 5-1',
    'XGROUP CREATE s g 0 ENTRIESREAD 2',
    'XCLAIM s g c 0 1-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1',
    'XACK s g 1-1',
  ])
    assert.equal(await isRefused(command), false, command);
});

it('commands whose effect depends on the time, on chance or on encodings do not', async () => {
  for (const command of [
    'SET k v EX 100',
    'SET k v PXAT 1700000000000',
    'SETEX k 100 v',
    'EXPIRE k 100',
    'PEXPIREAT k 1700000000000',
    'PEXPIREAT k 9999999999999 NX',
    'HPEXPIREAT k 1700000000000 FIELDS 1 f',
    'SPOP k',
    'EVAL return 0',
    'XADD s * f v',
    'XADD s 1-* f v',
    'XADD s MAXLEN ~ 10 1-1 f v',
    'XADD s MAXLEN = 10 LIMIT 5 1-1 f v',
    'XTRIM s MAXLEN ~ 10',
    'XCLAIM s g c 1000 1-1 TIME 1700000000000',
    'XCLAIM s g c 0 1-1 IDLE 5',
    'UNHEARDOF k',
  ])
    assert.equal(await isRefused(command), true, command);
});
