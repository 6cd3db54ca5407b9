// The stream of a master in slices: what comes between them, what ends it in the middle, and where the replica goes on.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { field, linked, until } from './mixed.js';
import { firstLine, HISTORY, rdbOf, type ScriptedConnection, ScriptedMaster } from './scripted-master.js';

const GETACK = ['REPLCONF', 'GETACK', '*'];
const BEGIN = 1000;
/** A slice ends after 4 ms: these take several. */
const slow = (count: number): string[][] =>
  Array.from({ length: count }, (_, index) => (index % 2 === 0 ? ['DEBUG', 'SLEEP', '0.002'] : ['INCR', 'count']));

interface Pair {
  readonly master: ScriptedMaster;
  readonly replica: KvasirProcess;
  readonly link: ScriptedConnection;
}

async function pair(t: TestContext, ...args: readonly string[]): Promise<Pair> {
  const master = await ScriptedMaster.start(t);
  const replica = await startKvasir({ args: ['--enable-debug-command', 'yes', '--save', '', ...args] });
  t.after(() => replica.stop());
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
  const link = await master.serve(rdbOf({ first: '1' }), BEGIN);
  await linked(replica);
  assert.equal(await link.ack(), BEGIN);
  return { master, replica, link };
}

async function offsetOf(replica: KvasirProcess): Promise<number> {
  return Number(await field(replica, 'replication', 'slave_repl_offset'));
}

describe('the stream of a master in slices', { timeout: 600_000 }, () => {
  it('is acknowledged up to each GETACK exactly, while clients are served', async (t) => {
    const { replica, link } = await pair(t);
    const offsets: number[] = [];
    let offset = BEGIN;
    let parts: string[][] = [];
    for (let round = 0; round < 20; round++) {
      parts = slow(20);
      offset += link.say(...parts);
      offsets.push(offset);
      offset += link.say(GETACK);
    }
    const seen = new Set<number>();
    const watched = until(async () => {
      const at = await offsetOf(replica);
      seen.add(at);
      return at === offset;
    });
    // The acknowledgements of each second come between those that were asked for.
    const acked = new Set<number>();
    while (!acked.has(offsets.at(-1)!)) acked.add(await link.ack());
    for (const asked of offsets) assert.ok(acked.has(asked), `no acknowledgement of ${asked}`);
    await watched;
    assert.equal(await replica.send('GET', 'count'), '200');
    assert.ok(seen.size > 1, 'nobody was served between the slices');
  });

  it('is applied whole when the master ends it, but for half a transaction', async (t) => {
    const { master, replica, link } = await pair(t);
    const whole = link.say(...slow(100), ['SELECT', '3'], ['SET', 'where', 'three']);
    link.say(['MULTI'], ['INCR', 'half'], ['INCR', 'count']);
    link.write('*2\r\n$4\r\nINCR\r\n$5\r\nco');
    link.end();
    const next = await master.accept();
    const words = await next.untilPsync();
    assert.deepEqual(words, ['PSYNC', HISTORY, String(BEGIN + whole + 1)]);
    assert.equal(await replica.send('GET', 'count'), '50');
    next.write(`+CONTINUE ${HISTORY}\r\n`);
    const end = BEGIN + whole + next.say(['MULTI'], ['INCR', 'half'], ['EXEC']);
    await until(async () => (await offsetOf(replica)) === end);
    // The database that the stream had selected stays selected.
    assert.equal(await replica.send('GET', 'half'), '');
    assert.match(await field(replica, 'keyspace', 'db3'), /^keys=2,/);
  });

  it('goes on after the command that ended it', async (t) => {
    const { master, replica, link } = await pair(t);
    const upToKill = link.say(...slow(10), ['CLIENT', 'KILL', 'TYPE', 'master', 'SKIPME', 'no']);
    link.say(...slow(40));
    const next = await master.accept();
    assert.deepEqual(await next.untilPsync(), ['PSYNC', HISTORY, String(BEGIN + upToKill + 1)]);
    assert.equal(await replica.send('GET', 'count'), '5');
    next.write('+CONTINUE\r\n');
    const end = BEGIN + upToKill + next.say(...slow(40));
    await until(async () => (await offsetOf(replica)) === end);
    assert.equal(await replica.send('GET', 'count'), '25');
  });

  it('cannot change the role of the replica', async (t) => {
    const { replica, link } = await pair(t);
    const end = BEGIN + link.say(['REPLICAOF', 'NO', 'ONE'], ['SET', 'after', '1']);
    await until(async () => (await offsetOf(replica)) === end);
    assert.equal(await field(replica, 'replication', 'role'), 'slave');
    assert.equal(await replica.send('GET', 'after'), '1');
    assert.match(replica.log(), /REPLICAOF not allowed in the stream of a master/);
  });

  it('is given up with REPLICAOF NO ONE at the place that was applied', async (t) => {
    const { replica, link } = await pair(t);
    const end = BEGIN + link.say(...slow(600));
    await until(async () => (await offsetOf(replica)) > BEGIN);
    await replica.send('REPLICAOF', 'NO', 'ONE');
    await link.closed();
    const count = Number(await replica.send('GET', 'count'));
    const second = Number(await field(replica, 'replication', 'second_repl_offset'));
    assert.equal(await field(replica, 'replication', 'master_replid2'), HISTORY);
    assert.equal(second - 1, Number(await field(replica, 'replication', 'master_repl_offset')));
    // What had come was applied, and nothing is applied afterwards.
    assert.ok(second - 1 <= end && count > 0);
    await replica.send('SET', 'own', '1');
    assert.equal(Number(await replica.send('GET', 'count')), count);
  });

  it('brings a full sync when it is no stream', async (t) => {
    const { master, replica, link } = await pair(t);
    link.say(['SET', 'sound', '1']);
    link.write('*1\r\n+no\r\n');
    const next = await master.accept();
    assert.deepEqual(await next.untilPsync(), ['PSYNC', '?', '-1']);
    next.write(`+FULLRESYNC ${HISTORY} 7\r\n`);
    next.sendData(rdbOf({ second: '2' }));
    await linked(replica);
    assert.equal(await replica.send('GET', 'sound'), '');
    assert.match(replica.log(), /the master sent what is no command/);
  });

  it('is not continued by a server whose data is gone', async (t) => {
    const { master, replica, link } = await pair(t);
    const end = BEGIN + link.say(['SET', 'old', '1']);
    await until(async () => (await offsetOf(replica)) === end);
    link.end();
    const next = await master.accept();
    await next.untilPsync();
    next.write(`+FULLRESYNC ${'1'.repeat(40)} 5\r\n`);
    // The file is whole, its content is not: the old data goes, and the new is none.
    next.sendData(rdbOf({ other: '1' }).subarray(0, 14));
    await until(async () => replica.log().includes('The link to the master is lost (while the data was loaded)'));
    assert.equal(await replica.send('REPLICAOF', 'NO', 'ONE'), 'OK');
    assert.equal(await replica.send('DBSIZE'), '0');
    assert.match(await firstLine(replica.port, 'PSYNC', HISTORY, String(end + 1)), /^\+FULLRESYNC /);
  });
});
