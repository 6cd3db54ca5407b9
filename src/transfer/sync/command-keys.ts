// command-keys: which words of a streamed command are keys, by the declarations of the server's own commands.

import { Call } from '../../registry/call.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import { makeTable } from '../../server/declarations.js';

export class CommandKeys {
  private readonly table = makeTable();
  private readonly call = new Call();
  private readonly found = new FoundKeys();

  /** Places of the keys; undefined for a command that is not known. */
  placesOf(args: readonly Uint8Array[]): number[] | undefined {
    const { call, found } = this;
    call.setArguments(args);
    let command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    if (command === undefined) return undefined;
    if (command.subcommands.size > 0 && args.length > 1)
      command = command.subcommands.get(call.text(1).toLowerCase()) ?? command;
    findKeys(command as never, call, false, found);
    return Array.from(found.indexes.subarray(0, found.count));
  }
}
