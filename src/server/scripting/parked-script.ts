// parked-script: a script that takes longer than a turn: its waiting client, the replies to others, and its end.
//
// While it is parked the script is half done, and nobody may see that: requests of other clients are held back, at first
// all, after busy-reply-threshold they are answered with -BUSY, except those few commands that touch no data. The cron does not
// touch data either. When the script ends, what was held is run in the order in which it came.

import { errors } from '../../protocol/errors.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Settings } from '../settings.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { Clock } from '../../io/clock.js';
import { argumentsOf } from '../../registry/call.js';
import type { Command } from '../../registry/command.js';
import { ReplyWriter } from '../../protocol/reply.js';
import type { Execution } from '../../scripting/lua/engine.js';
import { LuaError, LuaTable } from '../../scripting/lua/values.js';
import { type Client, Gate } from '../../service/clients/client.js';
import type { ServerCall } from '../call.js';
import type { DebugSession } from './debug-session.js';
import type { Run } from './run.js';

/** The call that a parked script replies in, the gate that holds others back, and time. */
export interface ParkedHost {
  readonly call: ServerCall;
  readonly clock: Clock;
  readonly keyspace: Keyspace;
  readonly settings: Settings;
  readonly outbox: { readonly makeWriter: () => ReplyWriter };
  gates: number;
  log(level: LogLevel, text: string): void;
  beginTurn(): void;
  finishLate(call: ServerCall, micros: number, replyBytes: number): void;
  replay(client: Client, args: readonly Uint8Array[]): void;
  serveReady(): void;
}

/** Runs the slices of a script and knows how it ends. */
export interface ScriptRunner {
  readonly calls: { readonly hasWritten: boolean };
  readonly current: Run | undefined;
  readonly session: DebugSession | undefined;
  /** Runs another slice; true when the script has ended. */
  advance(run: Run): boolean;
  finish(call: ServerCall, run: Run): void;
  /** Ends a debugging session; whether there was one. */
  endSession(): boolean;
}

const busyTexts = {
  script: errors.busy,
  function: 'BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.',
} as const;

/** A request that waits. */
interface Held {
  readonly client: Client;
  readonly args: readonly Uint8Array[];
}

interface Parked {
  run: Run;
  readonly client: Client;
  /** The command whose client waits: the EVAL, or the EXEC around it. */
  command: Command<never>;
  args: readonly Uint8Array[];
  readonly database: number;
  /** The time at which the script stands. */
  readonly nowMs: number;
  /** Its client asked for CLIENT NO-TOUCH. */
  readonly leavesClocks: boolean;
  /** CLIENT REPLY said to drop the reply. */
  readonly isSilent: boolean;
  readonly reply: ReplyWriter;
  /** Messages for the waiting client: they follow its reply. */
  readonly messages: Uint8Array[];
  /** The continuation after the script: the rest of an EXEC. */
  afterwards: (() => void) | undefined;
}

/** Ends a suspended script with an error that nothing in it can catch. */
export function breakOff(execution: Execution, message: string): void {
  const where = execution.where();
  execution.kill();
  const value = new LuaTable();
  value.set('err', `ERR ${message}`);
  const error = new LuaError(value);
  error.where = where;
  execution.error = error;
}

export class ParkedScript {
  /** After busy-reply-threshold. */
  isBusy = false;
  private parked: Parked | undefined;
  private held: Held[] = [];
  /** When the script began, or was last let run on by a debugger. */
  private sliceStartMs = 0;
  /** The rest of an EXEC is being run: a script in it is parked into the same reply. */
  private continuing: Parked | undefined;
  /** The server wants to end and waits for the script. */
  private settled: (() => void) | undefined;

  constructor(
    private readonly server: ParkedHost,
    private readonly scripting: ScriptRunner,
  ) {}

  get active(): boolean {
    return this.parked !== undefined;
  }

  /** Arguments of the command that waits. */
  get args(): readonly Uint8Array[] {
    return this.parked?.args ?? [];
  }

  /** Whether the command that has just run for this call is parked. */
  isFor(call: ServerCall): boolean {
    return this.parked !== undefined && this.parked.client === call.client;
  }

  /** Whether messages for this client must wait; keeps this one then. */
  keepsMessage(client: Client, message: Uint8Array): boolean {
    if (this.parked?.client !== client) return false;
    this.parked.messages.push(message);
    return true;
  }

  /** The script of this call has used up its slice: its client waits. */
  park(call: ServerCall, run: Run): void {
    const { server } = this;
    const { client } = call;
    const parked: Parked = this.continuing ?? {
      run,
      client,
      command: call.command,
      args: [],
      database: call.db.index,
      nowMs: server.keyspace.nowMs,
      leavesClocks: server.keyspace.leavesClocks,
      isSilent: (client.gates & Gate.SILENT) !== 0 && client.replyMode !== 'on',
      reply: server.outbox.makeWriter(),
      messages: [],
      afterwards: undefined,
    };
    parked.run = run;
    parked.command = call.command;
    parked.args = argumentsOf(call);
    parked.afterwards = undefined;
    parked.reply.protocol = client.protocol;
    this.parked = parked;
    client.blocked = true;
    server.gates |= Gate.BUSY;
    const { session } = this.scripting;
    if (session !== undefined) {
      session.debuggee = {
        execution: run.execution,
        goOn: () => {
          this.sliceStartMs = server.clock.steadyMs();
          server.clock.soon(this.goOn);
        },
        abort: (message) => this.breakOff(parked, message),
      };
    }
    this.sliceStartMs = run.startedMs;
    server.clock.soon(this.goOn);
  }

  /** Sets the continuation after the parked script: the rest of a transaction. */
  continueWith(afterwards: () => void): void {
    this.parked!.afterwards = afterwards;
  }

  /** A request of another client. False: it is not held back (but -BUSY may be its answer). */
  holds(client: Client, call: ServerCall): boolean {
    if (this.parked === undefined || this.isBusy) return false;
    this.held.push({ client, args: argumentsOf(call) });
    client.paused = true;
    return true;
  }

  forget(client: Client): void {
    if (this.parked?.client === client) this.scripting.session?.release();
    if (this.held.length > 0) this.held = this.held.filter((held) => held.client !== client);
  }

  get busyText(): string {
    return this.scripting.current?.isFunction === true ? busyTexts.function : busyTexts.script;
  }

  private readonly goOn = (): void => {
    const { server, scripting, parked } = this;
    if (parked === undefined) return;
    const { run } = parked;
    if (this.settled !== undefined && !scripting.calls.hasWritten) {
      this.killNow(parked, 'the server ends');
      return;
    }
    server.keyspace.nowMs = parked.nowMs;
    server.keyspace.leavesClocks = parked.leavesClocks;
    const ended = scripting.advance(run);
    server.keyspace.leavesClocks = false;
    if (!ended) {
      const { session } = scripting;
      const elapsedMs = server.clock.steadyMs() - this.sliceStartMs;
      const isLong = elapsedMs >= server.settings.busyReplyThresholdMs;
      if (session?.isStopped === true) {
        session.report();
        server.clock.after(server.settings.busyReplyThresholdMs, () => {
          if (this.parked === parked) this.becomeBusy();
        });
        return;
      }
      if (isLong && session !== undefined) session.timeOut();
      if (isLong && !this.isBusy) {
        const name = run.isFunction ? 'FUNCTION KILL' : 'SCRIPT KILL';
        server.log(
          'warning',
          `Slow script detected: still in execution after ${Math.floor(elapsedMs)} milliseconds. You can try killing the script using the ${name} command. Script name is: ${run.name}.`,
        );
        this.becomeBusy();
      }
      server.clock.soon(this.goOn);
      return;
    }
    this.end(parked);
  };

  /** Replies -BUSY to other clients from now on. */
  private becomeBusy(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    this.serveHeld();
  }

  /**
   * Ends the parked script before the server saves and ends: nothing half done may get into a file. A script that has only
   * read is killed, one that has written is waited for, as redis-server does; nothing else is served until `serveAgain`.
   */
  async settle(): Promise<void> {
    if (!this.active) return;
    this.scripting.session?.release();
    await new Promise<void>((resolve) => (this.settled = resolve));
  }

  /** The server does not end after all. */
  serveAgain(): void {
    this.settled = undefined;
    if (!this.active) this.serveHeld();
  }

  /** Drops the parked script: the server is gone. */
  abandon(): void {
    this.parked?.run.execution.kill();
    this.parked = undefined;
    this.held = [];
  }

  /** SCRIPT KILL, FUNCTION KILL: the error for the caller; undefined: it was killed. */
  kill(isFunction: boolean): string | undefined {
    const { parked, scripting } = this;
    if (parked === undefined || scripting.current === undefined) return 'NOTBUSY No scripts in execution right now.';
    const { run } = parked;
    if (parked.client.kind === 'master')
      return 'UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed.';
    if (scripting.calls.hasWritten) {
      return 'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.';
    }
    if (run.isFunction !== isFunction) return this.busyText;
    this.killNow(parked, 'SCRIPT KILL');
    return undefined;
  }

  private killNow(parked: Parked, reason: string): void {
    this.server.log(
      'notice',
      reason === 'SCRIPT KILL' ? 'Lua script killed by user with SCRIPT KILL.' : `Lua script killed: ${reason}.`,
    );
    // Functions too: these are the words.
    this.breakOff(parked, 'Script killed by user with SCRIPT KILL...');
  }

  /** As the function, for the parked script; it ends in a later turn. */
  private breakOff(parked: Parked, message: string): void {
    breakOff(parked.run.execution, message);
    // The killer's reply first, then what comes of the script.
    this.server.clock.soon(() => {
      if (this.parked === parked) this.end(parked);
    });
  }

  /** The parked script has ended, well or not. */
  private end(parked: Parked): void {
    const { server, scripting } = this;
    const { call } = server;
    const { client } = parked;
    this.parked = undefined;
    server.keyspace.nowMs = parked.nowMs;
    const outer = call.reply;
    call.reply = parked.reply;
    call.setArguments(parked.args);
    call.client = client;
    call.db = server.keyspace.databases[parked.database]!;
    call.command = parked.command;
    const bytesBefore = call.reply.pendingBytes;
    scripting.finish(call, parked.run);
    server.finishLate(
      call,
      (server.clock.steadyMs() - parked.run.startedMs) * 1000,
      call.reply.pendingBytes - bytesBefore,
    );
    if (parked.afterwards !== undefined) {
      this.continuing = parked;
      server.keyspace.leavesClocks = parked.leavesClocks;
      parked.afterwards();
      server.keyspace.leavesClocks = false;
      this.continuing = undefined;
    }
    call.reply = outer;
    // The transaction may hold another long script.
    if (this.active) return;
    server.gates &= ~Gate.BUSY;
    this.isBusy = false;
    client.blocked = false;
    const wasDebugged = this.scripting.endSession();
    const bytes = parked.reply.takeBytes();
    if (bytes.length > 0 && !parked.isSilent) client.connection?.send(bytes);
    for (const message of parked.messages) client.connection?.send(message);
    if (wasDebugged) client.connection?.closeAfterReply();
    server.beginTurn();
    server.serveReady();
    const { settled } = this;
    if (settled !== undefined) {
      settled();
      return;
    }
    server.clock.soon(() => client.connection?.proceed());
    this.serveHeld();
  }

  /** Runs what was held back; when another script is parked by it, the rest is held again. */
  private serveHeld(): void {
    const { held } = this;
    this.held = [];
    for (const { client, args } of held) {
      client.paused = false;
      this.server.replay(client, args);
    }
    for (const { client } of held) client.connection?.proceed();
  }
}
