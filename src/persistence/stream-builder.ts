// stream-builder: makes a stream out of the reader's events.

import type { Keyspace } from '../keyspace/keyspace.js';
import { RdbError, type RdbReader } from './rdb-reader.js';

export class StreamBuilder {
  constructor(readonly keyspace: Keyspace) {}

  begin(): number {
    return 0;
  }

  take(_event: number, reader: RdbReader): void {
    throw new RdbError(reader.offset, 'streams cannot be loaded yet', false);
  }

  finish(_reader: RdbReader): number {
    return 0;
  }

  abandon(): void {
    return;
  }
}
