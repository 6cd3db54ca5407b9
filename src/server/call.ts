// call: the contracts of the data server's commands: calls, declarations, and the options of start and shutdown.
//
// A command names the part of the server that it reaches as `CallFor<Host>`, so that its file shows what it can touch. The server
// itself, which passes every call on, sees them all as `ServerCall`. Nothing here knows the server, so everything may import it.

import type { LogLevel } from '../base/log-level.js';
import type { RandomSource } from '../base/prng.js';
import type { Environment } from '../io/environment.js';
import type { Database } from '../keyspace/database.js';
import type { Call } from '../registry/call.js';
import type { Command, CommandDeclaration } from '../registry/command.js';
import type { Client } from '../service/clients/client.js';
import type { Config } from '../service/config/config.js';

/** A call whose command reaches the server as `Host`. */
export type CallFor<Host> = Call<Database, Host, Client>;
export type CommandFor<Host> = CommandDeclaration<CallFor<Host>>;

/** Any call, for those who pass it on without looking at its host. */
export type ServerCall = CallFor<unknown>;
export type KnownCommand = Command<ServerCall>;

export interface ServerOptions {
  readonly databaseCount: number;
  readonly random: RandomSource;
  readonly hashKey: readonly [number, number];
  /** 40 hex digits that no other run has. */
  readonly runId: string;
  readonly environment: Environment;
  readonly log: (level: LogLevel, text: string) => void;
  readonly config: Config;
  /** Ends the process (or the embedded server) after an orderly shutdown. */
  readonly exit: (code: number) => void;
}

export interface ShutdownOptions {
  readonly save: boolean | undefined;
  readonly now: boolean;
  readonly force: boolean;
  /** A master of a cluster lets a replica take its place first. */
  readonly failover?: boolean;
}

/** Function libraries, as persistence saves and loads them. */
export interface FunctionStore {
  codes(): readonly Uint8Array[];
  /** Takes a library over, in the place of one of its name only if `replaces`. Throws an Error with the reason. */
  load(code: Uint8Array, replaces: boolean): void;
  clear(): void;
}
