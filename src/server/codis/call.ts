// call: what codis's commands reach of the server, and how they read their arguments: codis-server's texts, to the letter.
import type { DataLimits } from '../../registry/data-limits.js';
import type { Clock } from '../../io/clock.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { Persistence } from '../../persistence/persistence.js';
import type { Command } from '../../registry/command.js';
import type { CommandTable } from '../../registry/table.js';
import { errors } from '../../protocol/errors.js';
import type { Client } from '../../service/clients/client.js';
import type { Config } from '../../service/config/config.js';
import type { Permissions } from '../../service/dispatch/permissions.js';
import type { LateReply } from '../../service/host.js';
import type { CommandStats } from '../../service/watch/command-stats.js';
import { CODIS_SLOT_COUNT } from '../../base/codis-slot.js';
import type { CallFor, CommandFor, ServerCall } from '../call.js';
import type { Part } from '../../commands/engine.js';
import type { Effects } from '../effects.js';
import type { Migrations } from '../migrations.js';
import type { CodisMoves } from './moves.js';

/** The part of the server that codis's commands reach. */
export interface CodisHost {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  readonly clock: Clock;
  readonly config: Config;
  readonly persistence: Persistence;
  readonly permissions: Permissions;
  readonly stats: CommandStats;
  readonly effects: Effects;
  readonly migrations: Migrations;
  readonly codis: CodisMoves | undefined;
  readonly scripting: { readonly parked: { readonly active: boolean; continueWith(goOn: () => void): void } };
  readonly memoryLimit: { readonly isPassed: boolean; evictSome(): boolean };
  /** Depth of commands that run inside others: EXEC, scripts. */
  depth: number;
  readonly requiresPassword: boolean;
  authenticate(client: Client, userName: string, password: string): boolean;
  readonly table: CommandTable<ServerCall>;
  run(call: ServerCall, command: Command<ServerCall>): void;
  suspend(call: CodisCall): LateReply;
  alsoPropagate(call: CodisCall, args: readonly Part[]): void;
  preventPropagation(call: CodisCall): void;
}

export type CodisCall = CallFor<CodisHost>;
export type CodisCommand = CommandFor<CodisHost>;

/** The command that the call's arguments name, or its subcommand. */
export function commandOfCall(call: CodisCall): Command<ServerCall> | undefined {
  const found = call.host.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
  if (found === undefined || found.subcommands.size === 0 || call.count < 2) return found;
  return found.subcommands.get(call.text(1).toLowerCase());
}

/** The largest whole number that codis-server takes. */
const INT_MAX = 2147483647;

/** A slot, or -1 with the error replied. */
export function readSlot(call: CodisCall, index: number): number {
  const slot = readInt(call, index);
  if (Number.isNaN(slot)) return -1;
  if (slot >= 0 && slot < CODIS_SLOT_COUNT) return slot;
  call.reply.error(`ERR invalid slot number = ${slot}`);
  return -1;
}

/** A whole number of 32 bits, or NaN with the error replied. */
export function readInt(call: CodisCall, index: number): number {
  const value = call.integer(index);
  if (Number.isNaN(value)) call.reply.error(errors.notInteger);
  else if (value < -INT_MAX - 1 || value > INT_MAX) call.reply.error(errors.valueOutOfRange);
  else return value;
  return NaN;
}

/** Milliseconds, or -1 with the error replied. */
export function readTimeout(call: CodisCall, index: number): number {
  const timeoutMs = readInt(call, index);
  if (Number.isNaN(timeoutMs)) return -1;
  if (timeoutMs >= 0) return timeoutMs === 0 ? 100 : timeoutMs;
  call.reply.error(`ERR invalid timeout = ${timeoutMs}`);
  return -1;
}

/** A number of the asynchronous commands, `missing` for 0; -1 with the error replied. */
export function readSetting(call: CodisCall, index: number, name: string, missing: number, min = 0): number {
  const value = call.integer(index);
  if (value >= min && value <= INT_MAX) return value === 0 ? missing : value;
  call.reply.error(`ERR invalid value of ${name} (${call.shown(index)})`);
  return -1;
}
