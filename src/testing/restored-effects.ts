// restored-effects: passes data that replaced all databases on to replicas and the AOF.
//
// They get it as one transaction: FLUSHALL, the function libraries, and a RESTORE for each key, as if a client had sent them.
// A server without either pays nothing.

import { dumpEntry } from '../persistence/commands/dump.js';
import { Compression, RdbWriter } from '../persistence/rdb/writer.js';
import type { DataServer } from '../server/server.js';
import { RefList } from '../structures/dict.js';

const BATCH = 64;
const NO_EXPIRY = 0;

export function passOnAllData(server: DataServer): void {
  const { effects, keyspace } = server;
  if (!effects.wanted) return;
  const { entries } = keyspace;
  effects.begin();
  effects.add(0, ['FLUSHALL']);
  effects.add(0, ['FUNCTION', 'FLUSH']);
  for (const code of server.persistence.host.functionLibraries()) effects.add(0, ['FUNCTION', 'LOAD', code]);
  const writer = new RdbWriter(Compression.none);
  const refs = new RefList();
  keyspace.databases.forEach((database, index) => {
    let cursor = 0;
    do {
      refs.clear();
      cursor = database.scan(cursor, BATCH, refs);
      for (let at = 0; at < refs.length; at++) {
        const entry = refs.refs[at]!;
        dumpEntry(keyspace, entry, writer);
        const payload = writer.bytes.slice(0, writer.length);
        const expiresMs = entries.hasNumber(entry) ? entries.number(entry) : NO_EXPIRY;
        effects.add(index, ['RESTORE', entries.keyBytes(entry), expiresMs, payload, 'REPLACE', 'ABSTTL']);
      }
    } while (cursor !== 0);
  });
  effects.end();
}
