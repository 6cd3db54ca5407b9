// send-for: sends a request for a client that waits with its next ones while the server is congested.
//
// Without the wait a server that hangs would have all that its clients ask for pile up before it.

import type { Backend } from '../pool/backend.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { Asker } from './router.js';

/** @hot */
export function sendFor(
  asker: Asker,
  backend: Backend,
  owner: ReplySink,
  tag: number,
  bytes: Uint8Array,
  from: number,
  count: number,
): void {
  const connection = backend.connection(asker.lane, asker.databaseIndex, asker.protocol);
  connection.send(owner, tag, bytes, from, count);
  if (connection.isCongested && asker.waitForServer !== undefined) backend.whenDrained(asker.waitForServer());
}
