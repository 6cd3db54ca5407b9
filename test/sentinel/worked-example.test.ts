// The example of docs/sentinel.md, step by step, with other ports.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readHistory } from '../../src/sentinel/history.js';
import { RealFiles } from '../../src/io/files.js';
import { startKvasir } from '../kvasir.js';
import { ask, Fleet, plain, until } from './fleet.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/sentinel.md', import.meta.url)), 'utf8');

/** The lines of sentinel-1.conf on the page, with the master's port. */
function configOnPage(masterPort: number): string[] {
  const [, block] = /```\n# sentinel-1\.conf[^\n]*\nport 17101\n([^`]*)```/.exec(page)!;
  return block!.trim().replaceAll('17001', String(masterPort)).split('\n');
}

test('the example of the page works', async () => {
  const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: [] });
  try {
    const [master, replica] = fleet.servers.map(({ port }) => port) as [number, number];
    for (let count = 0; count < 3; count++) await fleet.addSentinel('kvasir', configOnPage(master));
    await fleet.ready();
    const [sentinel] = fleet.sentinels;
    assert.deepEqual(await sentinel!.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster'), [
      '127.0.0.1',
      String(master),
    ]);
    const quorum = await sentinel!.ask('SENTINEL', 'CKQUORUM', 'mymaster');
    assert.ok(page.includes(String(quorum)), String(quorum));
    process.kill(fleet.servers[0]!.pid, 'SIGKILL');
    assert.equal(await fleet.agreedOther(master), replica);
    await until(
      'the replica is a master',
      async () => (plain(await ask(replica, 'ROLE')) as unknown[])[0] === 'master',
    );
    await fleet.servers[0]!.stop({ keepFolder: true }).catch(() => undefined);
    fleet.servers[0] = await startKvasir({ port: master, folder: fleet.servers[0]!.folder });
    await until('the old master follows', async () => (plain(await ask(master, 'ROLE')) as unknown[])[0] === 'slave');
    const events = (await sentinel!.ask('SENTINEL', 'EVENTS', '1000')) as [number, string, string][];
    assert.ok(
      events.some(([, type, text]) => type === '+switch-master' && text.endsWith(`127.0.0.1 ${replica}`)),
      JSON.stringify(events),
    );
    const kept = readHistory(new RealFiles(), `${sentinel!.file}.events`);
    assert.deepEqual(
      kept.slice(0, events.length).map(({ type }) => type),
      events.map(([, type]) => type),
    );
  } finally {
    await fleet.stop();
  }
});
