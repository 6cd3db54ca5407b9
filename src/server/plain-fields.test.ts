// Objects that every command reads must have plain fields: one that V8 keeps in a hash table costs 20 ns at each read. And they must
// keep their shape: where one changes, V8 throws away all compiled code that knows it, which costs a tenth of a second or two.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { noWire } from '../io/wire.js';
import { CommandStats } from '../service/watch/command-stats.js';
import { defaultDataLimits } from '../registry/data-limits.js';
import { RealFiles } from '../io/files.js';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import { collectDirectives, launch } from './start.js';

setFlagsFromString('--allow-natives-syntax');
const haveSameShape = runInNewContext('(one, other) => %HaveSameMap(one, other)') as (
  one: object,
  other: object,
) => boolean;
const hasPlainFields = runInNewContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;

async function startServer() {
  const config = new Config(process.cwd());
  const reader = new ConfigReader(config, new RealFiles(), collectDirectives());
  reader.load(undefined, '', linesOfOptions({ port: 0, save: '' }));
  return launch({ config, log: () => undefined });
}

test('sums beyond 2^31 do not change the shape of statistics and connections', async () => {
  const beyond = 2 ** 40;
  const [stats, others] = [new CommandStats(), new CommandStats()];
  for (const sum of ['bytesIn', 'bytesOut', 'reads', 'writes', 'processed'] as const) stats[sum] += beyond;
  stats.addTime(1, beyond);
  assert.ok(haveSameShape(stats, others));
  const running = await startServer();
  const [connection, other] = [running.server.accept(noWire, false), running.server.accept(noWire, false)];
  connection.bytesIn += beyond;
  connection.bytesOut += beyond;
  assert.equal(connection.bytesIn, beyond);
  assert.ok(haveSameShape(connection, other));
  assert.ok(haveSameShape(connection, running.server.accept(noWire, false)));
  await running.close();
});

test('the limits of data have plain fields, the default ones and those of a server', async () => {
  assert.ok(hasPlainFields(defaultDataLimits()));
  const running = await startServer();
  const { server } = running;
  const { keyspace, call, settings, stats, limits, blocking, outbox, effects } = server;
  const { arena, values } = keyspace;
  const objects = { server, call, settings, stats, limits, blocking, outbox, effects };
  const data = { keyspace, database: keyspace.databases[0]!, arena, values, ...values };
  for (const [name, object] of Object.entries({ ...objects, ...data }))
    if (typeof object === 'object') assert.ok(hasPlainFields(object), name);
  await running.close();
});
