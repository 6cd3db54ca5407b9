// call: calls and declarations of commands that know the client whole, with its connection, but no keys.
//
// A command names the part of its server that it reaches as `CallFor<Host>`; any server that has that part can offer it.

import type { Call } from '../registry/call.js';
import type { Command, CommandDeclaration } from '../registry/command.js';
import type { Client } from './clients/client.js';

/** A call whose command reaches the server as `Host`. */
export type CallFor<Host> = Call<unknown, Host, Client>;
export type CommandFor<Host> = CommandDeclaration<CallFor<Host>>;

/** Any call, for those who look at its client and its arguments only. */
export type ClientCall = CallFor<unknown>;

/** A call and a command as the dispatcher of a server with such databases runs them. */
export type RunCall<Database> = Call<Database, unknown, Client>;
export type RunCommand<Database> = Command<RunCall<Database>>;
