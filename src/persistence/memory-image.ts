// memory-image: all databases and functions as RDB bytes in memory, taken and put back in one go: snapshots of tests.
//
// Both are synchronous: nothing else happens meanwhile, so an image is one moment, and a database is never half put back.

import { Crc64 } from '../base/crc64.js';
import { joinBytes } from '../base/bytes.js';
import type { PersistenceHost } from './host.js';
import { RdbLoader } from './rdb/loader.js';
import { RdbError, RdbReader } from './rdb/reader.js';
import { rdbOptions } from './rdb/saver.js';
import { RdbSnapshotEncoder } from './rdb/snapshot-encoder.js';
import type { RdbWriter } from './rdb/writer.js';
import { saveWhole } from './snapshot/whole-save.js';

/** A snapshot of a test is small, and is taken often. */
const INITIAL_BYTES = 4096;

/** Collects what a file would get. */
class MemorySink {
  private readonly parts: Uint8Array[] = [];
  private readonly crc = new Crc64();

  send(writer: RdbWriter): void {
    this.add(writer.bytes.slice(0, writer.length));
    writer.clear();
  }

  finish(done: (error: Error | null) => void): void {
    const footer = new Uint8Array(8);
    this.crc.writeTo(footer, 0);
    this.add(footer);
    done(null);
  }

  private add(bytes: Uint8Array): void {
    this.crc.update(bytes, 0, bytes.length);
    this.parts.push(bytes);
  }

  get bytes(): Uint8Array {
    return joinBytes(this.parts);
  }
}

/** All there is now, as an RDB file. */
export function takeImage(host: PersistenceHost): Uint8Array {
  const sink = new MemorySink();
  const { keyspace } = host;
  saveWhole(
    keyspace,
    (writer) => new RdbSnapshotEncoder(keyspace, rdbOptions(host, false), writer),
    sink,
    false,
    INITIAL_BYTES,
  );
  return sink.bytes;
}

/**
 * Puts an image in the place of all data and functions. Throws an Error for bytes that are no sound RDB; then everything is as it
 * was before. Bytes that `takeImage` made are sound (`isSound`), and need no copy of the present data to fall back to.
 */
export function putImage(host: PersistenceHost, bytes: Uint8Array, isSound = false): void {
  if (isSound) {
    load(host, bytes);
    return;
  }
  const before = takeImage(host);
  try {
    load(host, bytes);
  } catch (error) {
    load(host, before);
    throw error;
  }
}

function load(host: PersistenceHost, bytes: Uint8Array): void {
  const { keyspace } = host;
  for (const database of keyspace.databases) database.clear();
  host.clearFunctions();
  const reader = new RdbReader();
  const loader = new RdbLoader(keyspace, host.limits, {
    dropsExpired: true,
    loadFunction: (code, replaces) => host.loadFunction(code, replaces),
    log: () => undefined,
  });
  const wasPaused = keyspace.expiryPaused;
  keyspace.expiryPaused = true;
  try {
    reader.push(bytes);
    let hasAll = false;
    while (loader.run(reader) !== 'end') {
      if (hasAll) throw new Error('the image ends too early');
      hasAll = true;
      reader.finish();
    }
  } catch (error) {
    if (error instanceof RdbError) throw new Error(`not a sound RDB: ${error.message}`, { cause: error });
    throw error;
  } finally {
    keyspace.expiryPaused = wasPaused;
  }
}
