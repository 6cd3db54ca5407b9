// script-calls: `redis.call`: runs one command for a script and hands its reply back in RESP bytes.
//
// It has a call object and a reply writer of its own, so that the EVAL around it keeps its arguments and its place in the
// client's replies. Commands go through gates of their own: what a script may do depends on the script's flags, on its
// caller's user and on what it did before.

import type { AclContext } from '../../service/acl/log.js';
import type { CommandTable } from '../../registry/table.js';
import type { ClusterGate } from '../cluster-gate.js';
import type { Tracking } from '../tracking.js';
import type { CommandStats } from '../../service/watch/command-stats.js';
import type { Effects } from '../effects.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { LogLevel } from '../../base/log-level.js';
import { viewOf, writeLatin1 } from '../../base/bytes.js';
import { Call } from '../../registry/call.js';
import { type Command, commandFlags, fitsArity } from '../../registry/command.js';
import { errors } from '../../protocol/errors.js';
import { scriptCallErrors, type ScriptHost } from '../../scripting/redis-api.js';
import { spend } from '../../scripting/lua/machine.js';
import type { LuaValue } from '../../scripting/lua/values.js';
import { type AclCheck, type Denial, denials } from '../../service/acl/denial.js';
import { type Client, Gate } from '../../service/clients/client.js';
import { forgetFieldsets } from '../../commands/hash/import.js';
import type { Database } from '../../keyspace/database.js';
import type { ServerCall } from '../call.js';
import { SERVER_VERSION } from '../../base/version.js';
import { writeAsOld } from '../../compat/old-writer.js';
import { missingInScripts } from '../../compat/script-api.js';
import type { Profile } from '../../compat/profile.js';

/** The gates, tables and keys that a command of a script meets. */
export interface ScriptCallsHost {
  readonly keyspace: Keyspace;
  readonly table: CommandTable<ServerCall>;
  readonly aclCheck: AclCheck<Call<never, never, never>>;
  readonly effects: Effects;
  readonly stats: CommandStats;
  readonly tracking: Tracking;
  readonly clusterGate: ClusterGate;
  gates: number;
  readonly allowsAllInScripts: boolean;
  readonly profile: Profile | undefined;
  internalClient(): Client;
  log(level: LogLevel, text: string): void;
  logDenial(client: Client, call: ServerCall, denial: Denial, context: AclContext): void;
  refuseWrite(client: Client, command: Command<ServerCall>): string | undefined;
  run(call: ServerCall, command: Command<ServerCall>): void;
}

const ARGUMENT_BYTES_MIN = 4096;
const logLevels: readonly LogLevel[] = ['debug', 'verbose', 'notice', 'warning'];

/** Error replies of the gates before a call; `ERR` is the code where none is given. */
const refusals = {
  readOnlyScript: 'ERR Write commands are not allowed from read-only scripts.',
  command: "ERR The user executing the script can't run this command or subcommand",
  key: "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
  slots: 'ERR Script attempted to access keys that do not hash to the same slot',
  stale: 'ERR Can not execute the command on a stale replica',
  channel: "ERR The user executing the script can't publish to the channel mentioned in the command",
} as const;

/** The rights of the script that runs now. */
export interface CallRules {
  readonly isReadOnly: boolean;
  readonly allowsOutOfMemory: boolean;
  /** In a cluster: keys of several slots. */
  readonly allowsSlots: boolean;
}

/** The debugger, which sees every call. */
export interface CallWatcher {
  called(args: readonly string[]): void;
  refused(text: string): void;
  /** A reply; the bytes are valid during the call. */
  replied(bytes: Uint8Array, length: number): void;
  /** A command that writes is about to run. */
  beforeWrite(call: ServerCall, command: Command<ServerCall>): void;
  breakpoint(): boolean;
  debug(values: readonly LuaValue[]): void;
  /** Its writes reach neither the AOF nor replicas. */
  readonly isSilent: boolean;
}

export class ScriptCalls implements ScriptHost {
  readonly version: string;
  readonly versionNumber: number;
  readonly missing: readonly string[];
  /** The script has run a command that writes: it cannot be killed any more. */
  hasWritten = false;
  private readonly call_: ServerCall = new Call<Database, unknown, Client>();
  /** Of the buffer of the arguments. */
  private view: DataView;
  private readonly client: Client;
  private caller: Client | undefined;
  private rules: CallRules = { isReadOnly: false, allowsOutOfMemory: false, allowsSlots: false };
  /** In a cluster: the slot of the keys that were declared or used first; -1: of none yet. */
  private slot = -1;
  private outOfMemory = false;
  private replication = 3;
  /** Steps that a call counts as, where scripts are bound by steps. */
  stepsOfCall = 0;
  /** Set while a script is debugged. */
  watcher: CallWatcher | undefined;

  constructor(private readonly server: ScriptCallsHost) {
    const { profile } = server;
    this.version = profile?.version ?? SERVER_VERSION;
    this.missing = profile === undefined ? [] : missingInScripts(profile);
    if (profile !== undefined) writeAsOld(this.call_.reply, profile, () => this.call_);
    const [major, minor, patch] = this.version.split('.').map(Number) as [number, number, number];
    this.versionNumber = (major << 16) | (minor << 8) | patch;
    this.client = server.internalClient();
    this.call_.host = server;
    this.call_.client = this.client;
    this.call_.denyBlocking = true;
    this.call_.bytes = new Uint8Array(ARGUMENT_BYTES_MIN);
    this.view = viewOf(this.call_.bytes);
  }

  /** Whether this is the call of a command inside a script. */
  isOwn(call: unknown): boolean {
    return call === this.call_;
  }

  /** A script begins. */
  begin(caller: Client, database: Database, rules: CallRules, outOfMemory: boolean): void {
    this.caller = caller;
    this.client.user = caller.user;
    this.client.databaseIndex = database.index;
    forgetFieldsets(this.client);
    this.rules = rules;
    this.outOfMemory = outOfMemory;
    this.hasWritten = false;
    this.replication = this.watcher?.isSilent === true ? 0 : 3;
  }

  /** As `begin`, in a cluster, where the script's own keys have passed the gate last. */
  beginInCluster(): void {
    this.slot = this.server.clusterGate.lastSlot;
  }

  /** @hot */
  call(args: readonly string[], respVersion: 2 | 3): Uint8Array {
    const { call_: call, server, client } = this;
    const { reply } = call;
    reply.length = 0;
    if (reply.fullBytes > 0) reply.clear();
    reply.protocol = respVersion;
    if (this.stepsOfCall > 0) spend(this.stepsOfCall);
    if (this.watcher !== undefined) this.watcher.called(args);
    this.setArguments(args);
    const command = this.resolve();
    if (command === undefined) return this.failed(undefined, scriptCallErrors.unknownCommand);
    const { flags } = command;
    if (!fitsArity(command, call.count) || command.run === undefined)
      return this.failed(command, scriptCallErrors.wrongArity);
    if ((flags & commandFlags.noscript) !== 0 && !this.server.allowsAllInScripts)
      return this.failed(command, scriptCallErrors.notAllowed);
    call.command = command as Command<never>;
    call.db = server.keyspace.databases[client.databaseIndex]!;
    const refusal = this.refuse(command);
    if (refusal !== undefined) return this.failed(command, refusal);
    if ((flags & commandFlags.write) !== 0) {
      this.hasWritten = true;
      if (this.watcher !== undefined) this.watcher.beforeWrite(call, command);
    }
    const { arena } = server.keyspace;
    const { input, inputView } = arena;
    arena.useInput(call.bytes, this.view);
    if (this.replication !== 3) this.runQuietly(command);
    else server.run(call, command);
    arena.useInput(input, inputView);
    const { caller } = this;
    if ((caller!.gates & Gate.TRACKING) !== 0) server.tracking.commandRan(caller!, command, call);
    if (this.watcher !== undefined) return this.show(this.watcher);
    return reply.fullBytes === 0 ? reply.buffer : reply.takeBytes();
  }

  private show(watcher: CallWatcher): Uint8Array {
    const bytes = this.call_.reply.takeBytes();
    watcher.replied(bytes, bytes.length);
    return bytes;
  }

  /** Runs a command whose effects go to some or none of those who want them. */
  private runQuietly(command: Command<ServerCall>): void {
    const { effects } = this.server;
    effects.reach = this.replication;
    effects.update();
    this.server.run(this.call_, command);
    effects.reach = 3;
    effects.update();
  }

  /** The refusal of the gates in front of a command; undefined: it may run. */
  private refuse(command: Command<ServerCall>): string | undefined {
    const { server, call_: call } = this;
    const caller = this.caller!;
    const { flags } = command;
    if ((caller.gates & Gate.ACL) !== 0) {
      const denial = server.aclCheck.check(
        caller.user!,
        command as unknown as Command<Call<never, never, never>>,
        call as unknown as Call<never, never, never>,
      );
      if (denial !== denials.none) {
        server.logDenial(caller, call, denial, 'lua');
        return denial === denials.command ? refusals.command : denial === denials.key ? refusals.key : refusals.channel;
      }
    }
    if ((server.gates & Gate.CLUSTER) !== 0 && !caller.obeyed) {
      const text = this.refuseInCluster(caller, command);
      if (text !== undefined) return text;
    }
    // A script that may run on a stale replica may still not look at the old data.
    if ((server.gates & Gate.STALE) !== 0 && !caller.obeyed && (flags & commandFlags.stale) === 0)
      return refusals.stale;
    if ((flags & commandFlags.write) !== 0) {
      if (this.rules.isReadOnly) return refusals.readOnlyScript;
      // One that has written may go on: half of its effects would be worse than one write that should not be.
      if ((server.gates & Gate.WRITES) !== 0 && caller.kind !== 'master' && !this.hasWritten) {
        const text = server.refuseWrite(caller, command);
        if (text !== undefined) return text;
      }
    } else if ((flags & commandFlags.may_replicate) !== 0 && this.rules.isReadOnly) {
      return refusals.readOnlyScript;
    }
    // A script that has written may go on: half of its effects would be worse than too much memory.
    if (this.outOfMemory && (flags & commandFlags.denyoom) !== 0 && !this.rules.allowsOutOfMemory && !this.hasWritten)
      return errors.outOfMemory;
    return undefined;
  }

  private refuseInCluster(caller: Client, command: Command<ServerCall>): string | undefined {
    const { clusterGate } = this.server;
    const text = clusterGate.refuseScripted(caller, command, this.call_);
    if (text !== undefined || this.rules.allowsSlots || clusterGate.lastSlot < 0) return text;
    if (this.slot < 0) this.slot = clusterGate.lastSlot;
    return this.slot === clusterGate.lastSlot ? undefined : refusals.slots;
  }

  /** The error of a command that did not run; `command` is undefined where there is none. */
  private failed(command: Command<ServerCall> | undefined, text: string): Uint8Array {
    const { reply } = this.call_;
    const { stats } = this.server;
    reply.error(text);
    this.watcher?.refused(text);
    if (command === undefined) stats.countErrorReply(text);
    else stats.countRefused(command.id, text);
    return reply.buffer;
  }

  /** The command that the arguments name; undefined when there is none. */
  private resolve(): Command<ServerCall> | undefined {
    const { call_: call } = this;
    const command = this.server.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    if (command === undefined || command.subcommands.size === 0 || call.count < 2) return command;
    return command.subcommands.get(call.text(1).toLowerCase());
  }

  /** @hot */
  private setArguments(args: readonly string[]): void {
    const { call_: call } = this;
    const count = args.length;
    let total = 0;
    for (let index = 0; index < count; index++) total += args[index]!.length;
    call.reserve(count);
    if (total > call.bytes.length || (call.bytes.length > 1 << 20 && total < ARGUMENT_BYTES_MIN)) {
      call.bytes = new Uint8Array(Math.max(total, ARGUMENT_BYTES_MIN));
      this.view = viewOf(call.bytes);
    }
    const { bytes, starts, lengths } = call;
    let at = 0;
    for (let index = 0; index < count; index++) {
      const text = args[index]!;
      const { length } = text;
      starts[index] = at;
      lengths[index] = length;
      writeLatin1(bytes, at, text);
      at += length;
    }
    call.count = count;
  }

  log(level: number, message: string): void {
    this.server.log(logLevels[level] ?? 'notice', message);
  }

  mayRun(args: readonly string[]): boolean | undefined {
    this.setArguments(args);
    const { call_: call, server } = this;
    const command = this.resolve();
    if (command === undefined) return undefined;
    const caller = this.caller!;
    if ((caller.gates & Gate.ACL) === 0) return true;
    call.command = command as Command<never>;
    return (
      server.aclCheck.check(
        caller.user!,
        command as unknown as Command<Call<never, never, never>>,
        call as unknown as Call<never, never, never>,
      ) === denials.none
    );
  }

  setReplication(flags: number): void {
    if (this.watcher?.isSilent !== true) this.replication = flags;
  }

  breakpoint(): boolean {
    return this.watcher?.breakpoint() === true;
  }

  debug(values: readonly LuaValue[]): void {
    this.watcher?.debug(values);
  }

  setResp(): void {
    // Each call brings the version along.
  }
}
