// Objects that every command reads must have plain fields: one that V8 keeps in a hash table costs 20 ns at each read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { defaultDataLimits } from '../registry/data-limits.js';
import { RealFiles } from '../io/files.js';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import { collectDirectives, launch } from './start.js';

setFlagsFromString('--allow-natives-syntax');
const hasPlainFields = runInNewContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;

test('the limits of data have plain fields, the default ones and those of a server', async () => {
  assert.ok(hasPlainFields(defaultDataLimits()));
  const config = new Config(process.cwd());
  const reader = new ConfigReader(config, new RealFiles(), collectDirectives());
  reader.load(undefined, '', linesOfOptions({ port: 0, save: '' }));
  const running = await launch({ config, log: () => undefined });
  const { server } = running;
  const { keyspace, call, settings, stats, limits, blocking, outbox, effects } = server;
  const { arena, values } = keyspace;
  const objects = { server, call, settings, stats, limits, blocking, outbox, effects };
  const data = { keyspace, database: keyspace.databases[0]!, arena, values, ...values };
  for (const [name, object] of Object.entries({ ...objects, ...data }))
    if (typeof object === 'object') assert.ok(hasPlainFields(object), name);
  await running.close();
});
