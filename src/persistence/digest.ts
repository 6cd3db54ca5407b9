// digest: DEBUG DIGEST: one SHA-1 over the whole data set that does not depend on order, encodings or addresses.
//
// The same as Redis's, so that a data set can be compared with that of a redis-server. `xor` adds something whose place
// does not matter, `mix` something whose place does:
//
//   all        for each database that has keys: mix its number (32 bits, big endian); xor the digest of each key
//   key        mix the name, mix the type's number (32 bits, big endian), the value, xor '!!expire!!' if it expires
//   value      string: mix; list: mix each element; set: xor each member; sorted set: xor of (mix member, mix score);
//              hash: xor of (mix field, mix value[, xor '!!hexpire!!']); stream: mix each id, field and value

import { latin1Bytes } from '../base/bytes.js';
import { doubleText } from '../base/double.js';
import { sha1, SHA1_BYTES } from '../base/sha1.js';
import { Type } from '../datatypes/object.js';
import { SortedSetWalk } from '../datatypes/sorted-set.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { chunkOf } from '../memory/layout.js';
import { StreamEncoder } from './rdb/stream-encoder.js';

const DIGEST_BYTES = SHA1_BYTES;

type Digest = Uint8Array;

const hash = new Uint8Array(DIGEST_BYTES);

function xor(digest: Digest, bytes: Uint8Array, offset = 0, length = bytes.length): void {
  sha1(bytes, offset, length, hash);
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i]! ^= hash[i]!;
}

function mix(digest: Digest, bytes: Uint8Array, offset = 0, length = bytes.length): void {
  xor(digest, bytes, offset, length);
  sha1(digest, 0, DIGEST_BYTES, digest);
}

function bigEndian32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The digest of a key's value alone (DEBUG DIGEST-VALUE). */
export function valueDigest(keyspace: Keyspace, entry: number): Uint8Array {
  const digest = new Uint8Array(DIGEST_BYTES);
  addValue(keyspace, entry, digest);
  return digest;
}

function addValue(keyspace: Keyspace, entry: number, digest: Digest): void {
  const { entries, values } = keyspace;
  const type = entries.type(entry);
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  mix(digest, bigEndian32(type));
  switch (type) {
    case Type.STRING:
      mix(
        digest,
        keyspace.arena.u8[chunkOf(entries.valueBlock(entry))]!,
        entries.valueStart(entry),
        entries.word2(entry),
      );
      break;
    case Type.LIST: {
      const { lists } = values;
      lists.open(entry);
      for (let more = lists.first(); more; more = lists.next()) {
        lists.read();
        mix(digest, lists.bytes, lists.start, lists.length);
      }
      break;
    }
    case Type.SET: {
      const { sets } = values;
      sets.open(encoding, ref);
      for (let more = sets.first(); more; more = sets.next()) xor(digest, sets.bytes, sets.start, sets.length);
      break;
    }
    case Type.ZSET: {
      const walk = new SortedSetWalk(values.sortedSets);
      let left = values.sortedSets.count(encoding, ref);
      for (walk.from(encoding, ref, 0); left > 0; left--, walk.next()) {
        const element = new Uint8Array(DIGEST_BYTES);
        mix(element, walk.bytes, walk.start, walk.length);
        mix(element, latin1Bytes(doubleText(walk.score)));
        xor(digest, element);
      }
      break;
    }
    case Type.HASH: {
      const { hashes } = values;
      hashes.open(encoding, ref);
      for (let more = hashes.first(); more; more = hashes.next()) {
        const element = new Uint8Array(DIGEST_BYTES);
        mix(element, hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength);
        mix(element, hashes.bytes, hashes.start, hashes.length);
        if (hashes.expiry >= 0) xor(element, latin1Bytes('!!hexpire!!'));
        xor(digest, element);
      }
      break;
    }
    default:
      new StreamEncoder(keyspace).forEachPart(ref, (part) => mix(digest, part));
  }
  if (entries.hasNumber(entry)) xor(digest, latin1Bytes('!!expire!!'));
}

/** The digest of all databases. */
export function datasetDigest(keyspace: Keyspace): Uint8Array {
  const all = new Uint8Array(DIGEST_BYTES);
  const { entries, dicts, arena } = keyspace;
  for (const database of keyspace.databases) {
    if (database.size === 0) continue;
    mix(all, bigEndian32(database.index));
    dicts.forEach(database.dict, (entry) => {
      const digest = new Uint8Array(DIGEST_BYTES);
      mix(digest, arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
      addValue(keyspace, entry, digest);
      xor(all, digest);
    });
  }
  return all;
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
