// kvasir-dump of a cluster goes on after a kill at the master where it was, and says when its position means nothing any more.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { startMasters } from './masters.js';
import { digestOf, kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const KEYS = 3000;

/** Kills the process once the position is that of the second master. */
function killAtSecond(path: string): (child: { kill(signal: 'SIGKILL'): boolean }) => void {
  return (child) => {
    const timer = setInterval(() => {
      if (!existsSync(path) || !/"master":1/.test(readFileSync(path, 'utf8'))) return;
      clearInterval(timer);
      child.kill('SIGKILL');
    }, 5);
    timer.unref();
  };
}

it('goes on with a cluster where it was killed', { skip: peerMissing('redis-server', 'redis-cli') }, async (t) => {
  const cluster = await startMasters(t, ['kvasir', 'redis', 'kvasir']);
  const [first, second] = cluster.nodes;
  const seed = await kvasirWithDebug();
  t.after(() => seed.stop());
  const back = await kvasirWithDebug();
  t.after(() => back.stop());
  await seed.send('DEBUG', 'POPULATE', String(KEYS), 'key', '20');
  await mustRun('kvasir-sync', [
    ...['--from', `127.0.0.1:${seed.port}`, '--to', `127.0.0.1:${first!.port}`, '--once', '--quiet'],
  ]);
  await withFolder(async (folder) => {
    const file = join(folder, 'dump.json');
    const position = `${file}.position`;
    const words = ['-u', `127.0.0.1:${first!.port}`, '-c', '50', '--format', 'kvasir', '-o', file];
    // A rest after each chunk, so that the second master takes longer than the second between two positions.
    await runTool('kvasir-dump', [...words, '-s', '0.08'], { onStart: killAtSecond(position) });
    assert.equal(existsSync(file), false);
    const noted = readFileSync(position, 'utf8');
    assert.match(noted, /"master":1,"masters":\["127\.0\.0\.1:\d+ 0-5461"/);

    // A cursor of another process, or slots that have moved, would leave keys out.
    writeFileSync(position, noted.replace(/"run":"[0-9a-f]+"/, `"run":"${'0'.repeat(40)}"`));
    const restarted = await runTool('kvasir-dump', [...words, '--resume']);
    assert.equal(restarted.status, 1);
    assert.match(restarted.stderr, /was restarted or replaced since the interruption.*begin anew/);
    writeFileSync(position, noted.replace(' 0-5461"', ' 0-5460"'));
    const moved = await runTool('kvasir-dump', [...words, '--resume']);
    assert.equal(moved.status, 1);
    assert.match(moved.stderr, /slots or masters have changed since the interruption.*begin anew/);

    writeFileSync(position, noted);
    const ran = await mustRun('kvasir-dump', [...words, '--resume', '--json']);
    const { keys } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!) as { keys: number };
    assert.ok(keys < KEYS, `${keys} keys, so nothing of the run before was used`);
    assert.equal(existsSync(position), false);
    await mustRun('kvasir-load', ['-u', `127.0.0.1:${back.port}`, file]);
    assert.equal(await digestOf(back), await digestOf(seed));

    // Slots that move meanwhile are told, because keys may be missing.
    const isEmpty = async (slot: number): Promise<boolean> =>
      (await first!.send('CLUSTER', 'COUNTKEYSINSLOT', String(slot))) === '0';
    let slot = 0;
    while (!(await isEmpty(slot))) slot++;
    const partial = runTool('kvasir-dump', [...words, '-s', '0.1']);
    await untilTrue(() => Promise.resolve(existsSync(position)), 'a position of this run');
    for (const node of cluster.nodes) await node.ok('CLUSTER', 'SETSLOT', String(slot), 'NODE', second!.id);
    const told = await partial;
    assert.equal(told.status, 1);
    assert.match(told.stderr, /warning: slots or masters changed during the dump/);
  });
});
