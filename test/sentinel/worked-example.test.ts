// The example of docs/sentinel.md, step by step, with other ports.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readHistory } from '../../src/sentinel/history.js';
import { RealFiles } from '../../src/io/files.js';
import { execFile } from 'node:child_process';
import { programPath, startKvasir } from '../kvasir.js';
import { ask, Fleet, plain, until } from './fleet.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/sentinel.md', import.meta.url)), 'utf8');

/** The lines of sentinel-1.conf on the page, with the master's port. */
function configOnPage(masterPort: number): string[] {
  const [, block] = /```\n# sentinel-1\.conf[^\n]*\nport 17101\n([^`]*)```/.exec(page)!;
  return block!.trim().replaceAll('17001', String(masterPort)).split('\n');
}

const run = promisify(execFile);

async function outputOf(program: string, ...args: readonly string[]): Promise<string> {
  return (await run(process.execPath, [programPath(program), ...args])).stdout;
}

/** The `count`th block of commands with their output, with the ports of the test. */
function blockOnPage(count: number, ports: readonly (readonly [string, number])[]): { asked: string; reply: string }[] {
  const example = page.slice(page.indexOf('## A worked example'));
  let [, text] = [...example.matchAll(/```console\n([^`]*)```/g)][count]!;
  for (const [shown, port] of ports) text = text!.replaceAll(shown, String(port));
  return text!
    .split(/^\$ /m)
    .slice(1)
    .map((part) => ({ asked: part.slice(0, part.indexOf('\n')), reply: part.slice(part.indexOf('\n') + 1) }));
}

/** Runs a block and compares; a terminal shows array elements with their numbers, and a reply of ROLE goes on. */
async function follow(block: readonly { asked: string; reply: string }[]): Promise<void> {
  for (const { asked, reply } of block) {
    const [program, ...args] = asked.split(' ');
    const shown = await outputOf(program!, '--no-raw', ...args);
    assert.ok(shown.startsWith(reply), `${asked}\n${shown}`);
  }
}

test('the example of the page works', async () => {
  const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: [] });
  try {
    const [master, replica] = fleet.servers.map(({ port }) => port) as [number, number];
    for (let count = 0; count < 3; count++) await fleet.addSentinel('kvasir', configOnPage(master));
    await fleet.ready();
    const [sentinel] = fleet.sentinels;
    const ports = [
      ['17001', master],
      ['17002', replica],
      ['17101', sentinel!.port],
    ] as const;
    assert.ok(sentinel!.log.includes(`Watching mymaster at 127.0.0.1:${master}: quorum 2`), sentinel!.log);
    await follow(blockOnPage(0, ports));
    process.kill(fleet.servers[0]!.pid, 'SIGKILL');
    assert.equal(await fleet.agreedOther(master), replica);
    await until(
      'the replica is a master',
      async () => (plain(await ask(replica, 'ROLE')) as unknown[])[0] === 'master',
    );
    await follow(blockOnPage(1, ports));
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
    const printed = await outputOf('kvasir-sentinel', '--events', sentinel!.file, '1000');
    assert.match(
      printed,
      new RegExp(`^\\S+Z \\+switch-master +mymaster 127.0.0.1 ${master} 127.0.0.1 ${replica}$`, 'm'),
    );
    const [last, ...more] = (await outputOf('kvasir-sentinel', '--events', sentinel!.file, '1', '--json'))
      .trim()
      .split('\n');
    assert.deepEqual(Object.keys(JSON.parse(last!) as object), ['at', 'type', 'master', 'text']);
    assert.deepEqual(more, []);
  } finally {
    await fleet.stop();
  }
});
