// slot-filter: of the commands that change this server's data, finds those that change certain slots.
//
// All keys of a command are in one slot, so its first key decides. Commands without keys (FUNCTION, PUBLISH) are of no slot, and
// MULTI and EXEC are left out: until the slots change their owner nobody sees half of a transaction at the other side.

import { keySlot } from '../../base/key-slot.js';
import { utf8 } from '../../base/bytes.js';
import type { Part } from '../../commands/engine.js';
import { Call } from '../../registry/call.js';
import { commandFlags } from '../../registry/command.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import type { Database } from '../../keyspace/database.js';
import type { Client } from '../../service/clients/client.js';
import type { ServerCall } from '../../server/call.js';
import type { DataServer } from '../../server/server.js';

export class SlotFilter {
  /** The arguments of the command that `slotOfParts` looked at last. */
  readonly call = new Call<Database, DataServer, Client>() as unknown as ServerCall;
  private readonly found = new FoundKeys();

  constructor(private readonly server: DataServer) {}

  /** The slot of a command's first key, or -1. */
  slotOf(call: ServerCall): number {
    const command = this.server.resolve(call);
    if (command === undefined || (command.flags & commandFlags.pubsub) !== 0) return -1;
    if (!findKeys(command, call, false, this.found) || this.found.count === 0) return -1;
    const at = this.found.indexes[0]!;
    return keySlot(call.bytes, call.starts[at]!, call.lengths[at]!);
  }

  /** The slot of all keys of a write; -1 for anything else. */
  slotOfAllKeys(call: ServerCall): number {
    const { found } = this;
    const command = this.server.resolve(call);
    if (command === undefined || (command.flags & commandFlags.write) === 0) return -1;
    if (!findKeys(command, call, false, found)) return -1;
    let slot = -1;
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      const other = keySlot(call.bytes, call.starts[at]!, call.lengths[at]!);
      if (slot >= 0 && other !== slot) return -1;
      slot = other;
    }
    return slot;
  }

  slotOfParts(parts: readonly Part[]): number {
    this.call.setArguments(parts.map((part) => (part instanceof Uint8Array ? part : utf8(String(part)))));
    return this.slotOf(this.call);
  }
}
