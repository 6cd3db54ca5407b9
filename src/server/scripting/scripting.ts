// scripting: EVAL and FCALL: finding the script, running it, and parking it when it takes longer than a turn may take.
//
// The life of a script:
//   1. `evaluate` or `callFunction` checks what the script's flags ask for; `start` sets KEYS and ARGV and runs it.
//   2. Most scripts end within SLICE_MS: the reply goes where the EVAL's reply goes, and that was all.
//   3. Else it is parked: its client waits, what others ask is held back (parked-script), and each turn of the event loop gives
//      it another slice. After busy-reply-threshold what was held is answered with -BUSY, and SCRIPT KILL can end it.
//   4. When it ends its reply is sent; an EXEC around it goes on with its next command; what was held is run.
// From its start to its end a script is one command: `server.depth` is up, its effects are collected, time stands still.
//
// Not here: what scripts can call (script-calls), who waits meanwhile (parked-script), compiling and running Lua (scripting).

import type { Monitors } from '../../service/watch/monitors.js';
import type { ClientBounds } from '../client-bounds.js';
import type { CommandStats } from '../../service/watch/command-stats.js';
import type { Settings } from '../settings.js';
import type { Config } from '../../service/config/config.js';
import { latin1, latin1Bytes } from '../../base/bytes.js';
import { sha1Hex } from '../../base/sha1.js';
import { shortText } from '../../base/short-text.js';
import { errors } from '../../protocol/errors.js';
import { type Command, commandFlags } from '../../registry/command.js';
import { ReplyWriter } from '../../protocol/reply.js';
import { Libraries, type ScriptFunction } from '../../scripting/libraries.js';
import { compile, compileForDebugger } from '../../scripting/lua/compile.js';
import { Engine, Execution } from '../../scripting/lua/engine.js';
import { LuaSyntaxError } from '../../scripting/lua/lexer.js';
import { LuaError, type LuaFunction, LuaTable, type LuaValue } from '../../scripting/lua/values.js';
import { errorReply, RedisApi, writeReply } from '../../scripting/redis-api.js';
import { Script, ScriptCache } from '../../scripting/script-cache.js';
import { COMPATIBLE, readEvalShebang, scriptFlags, ShebangError } from '../../scripting/shebang.js';
import { type Client, Gate } from '../../service/clients/client.js';
import type { FunctionStore, ServerCall } from '../call.js';
import { stackOf } from '../../service/process/stack.js';
import { type DebugHost, DebugSession } from './debug-session.js';
import { breakOff, type ParkedHost, ParkedScript } from './parked-script.js';
import type { Run } from './run.js';
import { type ScriptBound, STEPS_OF_CALL } from './script-bound.js';
import { ScriptCalls, type ScriptCallsHost } from './script-calls.js';

/** The part of the server that running scripts needs, besides the needs of their commands and of parking. */
export interface ScriptingHost extends ScriptCallsHost, ParkedHost, DebugHost {
  readonly config: Config;
  readonly settings: Settings;
  readonly stats: CommandStats;
  readonly monitors: Monitors;
  readonly clientBounds: ClientBounds;
  readonly loading: boolean;
  readonly mode: 'standalone' | 'cluster';
  readonly role: 'master' | 'replica';
  readonly usedBytes: number;
  readonly startedMsOfCommand: number;
  depth: number;
  functionStore: FunctionStore;
  evictSome(): boolean;
  inTransaction(): boolean;
  preventPropagation(call: ServerCall): void;
}

/** How long a script may run before the event loop gets its turn. */
const SLICE_MS = 10;

const HASH = 0x23;

/** Bytes of an engine with its libraries, measured once. */
const ENGINE_BYTES = 30_000;

/** Heap that a script or function takes for each byte that it counts for: about 10 KB for a short one, as measured. */
const COMPILED_SHARE = 8;

export interface ScriptFigures {
  readonly scriptCount: number;
  readonly scriptBytes: number;
  readonly functionCount: number;
  readonly libraryCount: number;
  readonly functionBytes: number;
  readonly engineBytes: number;
  readonly functionEngineBytes: number;
}

export class Scripting {
  readonly cache = new ScriptCache();
  readonly calls: ScriptCalls;
  readonly parked: ParkedScript;
  /** The script that runs or is parked. */
  current: Run | undefined;
  private evalEngine_: { readonly engine: Engine; readonly api: RedisApi } | undefined;
  private functionEngine_:
    { readonly engine: Engine; readonly api: RedisApi; readonly libraries: Libraries } | undefined;
  private spare: Execution | undefined;
  /** Clients whose next EVAL is debugged. */
  private readonly debugged = new Map<Client, 'yes' | 'sync'>();
  /** The debugging session that is going on. */
  session: DebugSession | undefined;
  private sliceEndMs = 0;
  private readonly clock: () => number;
  private readonly mayContinue = (): boolean => this.clock() < this.sliceEndMs;
  private readonly goesOn = (): boolean => true;
  private bound: ScriptBound | undefined;

  constructor(private readonly server: ScriptingHost) {
    this.clock = () => server.clock.steadyMs();
    this.calls = new ScriptCalls(server);
    this.parked = new ParkedScript(server, this);
    server.functionStore = {
      codes: () => this.functionEngine_?.libraries.codes() ?? [],
      load: (code, replaces) => void this.libraries.load(latin1(code), replaces ? 'replace' : 'fail'),
      clear: () => this.functionEngine_?.libraries.clear(),
    };
  }

  /** Ends scripts that cannot be parked when they pass this; without it they take as long as they take. */
  bindBy(bound: ScriptBound): void {
    this.bound = bound;
    this.calls.stepsOfCall = STEPS_OF_CALL;
  }

  /** Made when the first script comes. */
  private get evalEngine(): { readonly engine: Engine; readonly api: RedisApi } {
    if (this.evalEngine_ === undefined) {
      const engine = new Engine({ nowMs: this.clock });
      const api = new RedisApi(this.calls);
      engine.globals.set('redis', api.table(true));
      engine.protect();
      engine.seed(this.server.keyspace.random.below(0x7fffffff));
      this.evalEngine_ = { engine, api };
    }
    return this.evalEngine_;
  }

  /** Makes what the first script needs before it comes. */
  prepare(): Engine {
    return this.evalEngine.engine;
  }

  private get functionEngine(): { readonly engine: Engine; readonly api: RedisApi; readonly libraries: Libraries } {
    if (this.functionEngine_ === undefined) {
      const engine = new Engine({ nowMs: this.clock });
      const api = new RedisApi(this.calls);
      engine.seed(this.server.keyspace.random.below(0x7fffffff));
      this.functionEngine_ = { engine, api, libraries: new Libraries(engine, api, this.clock) };
    }
    return this.functionEngine_;
  }

  get libraries(): Libraries {
    return this.functionEngine.libraries;
  }

  get hasLibraries(): boolean {
    return this.functionEngine_ !== undefined && this.functionEngine_.libraries.count > 0;
  }

  /** For INFO and MEMORY STATS; what an engine takes is an estimate. */
  get figures(): ScriptFigures {
    const libraries = this.functionEngine_?.libraries;
    return {
      scriptCount: this.cache.count,
      scriptBytes: this.cache.usedBytes,
      functionCount: libraries?.functionCount ?? 0,
      libraryCount: libraries?.count ?? 0,
      functionBytes: libraries?.usedBytes ?? 0,
      engineBytes: this.evalEngine_ === undefined ? 0 : ENGINE_BYTES + this.cache.usedBytes,
      functionEngineBytes: libraries === undefined ? 0 : ENGINE_BYTES + libraries.usedBytes,
    };
  }

  /** The function that runs, for FUNCTION STATS. */
  get runningFunction():
    { readonly name: string; readonly args: readonly Uint8Array[]; readonly durationMs: number } | undefined {
    const { current, parked } = this;
    if (current?.isFunction !== true) return undefined;
    return { name: current.name, args: parked.args, durationMs: Math.floor(this.clock() - current.startedMs) };
  }

  // --- scripts ------------------------------------------------------------------------------------------------------

  /** SCRIPT DEBUG: EVALs of the client are debugged from now on, or not. */
  debugNext(client: Client, mode: 'yes' | 'sync' | 'no'): void {
    if (mode === 'no') this.debugged.delete(client);
    else this.debugged.set(client, mode);
  }

  forget(client: Client): void {
    this.debugged.delete(client);
    this.parked.forget(client);
  }

  /** EVAL: the script is argument 1. */
  evaluate(call: ServerCall, isReadOnly: boolean): void {
    this.tellMonitors(call);
    const mode = this.debugged.size === 0 ? undefined : this.debugged.get(call.client);
    if (mode !== undefined && !this.server.inTransaction()) {
      this.debug(call, isReadOnly, mode === 'yes');
      return;
    }
    const keyCount = this.readKeyCount(call, errors.notInteger);
    if (keyCount < 0) return;
    const source = latin1(call.bytes, call.starts[1]!, call.lengths[1]!);
    const script = this.cache.findSource(source) ?? this.compile(call, source, true);
    if (script === undefined) return;
    this.cache.touch(script);
    this.runScript(call, script, keyCount, isReadOnly);
  }

  /** EVALSHA: the digest is argument 1. @hot */
  evaluateDigest(call: ServerCall, isReadOnly: boolean): void {
    this.tellMonitors(call);
    const script = this.cache.find(call.bytes, call.starts[1]!, call.lengths[1]!);
    if (script === undefined && call.lengths[1] !== 40) {
      call.reply.error(errors.noScript);
      return;
    }
    const keyCount = this.readKeyCount(call, errors.notInteger);
    if (keyCount < 0) return;
    if (script === undefined) {
      call.reply.error(errors.noScript);
      return;
    }
    if (this.debugged.size > 0 && this.debugged.has(call.client)) {
      call.reply.error('ERR Please use EVAL instead of EVALSHA for debugging');
      return;
    }
    if (script.isEvictable) this.cache.touch(script);
    this.runScript(call, script, keyCount, isReadOnly);
  }

  /** EVAL in a debugging session, which begins here. */
  private debug(call: ServerCall, isReadOnly: boolean, rollsBack: boolean): void {
    const keyCount = this.readKeyCount(call, errors.notInteger);
    const source = latin1(call.bytes, call.starts[1]!, call.lengths[1]!);
    const script = keyCount < 0 ? undefined : this.compile(call, source, true, true);
    this.debugged.delete(call.client);
    if (script === undefined || !this.mayStart(call, script.flags, isReadOnly)) {
      this.refuseSession(call.client);
      return;
    }
    this.session = new DebugSession(this.server, this.evalEngine.engine, call.client, source, rollsBack);
    this.calls.watcher = this.session;
    this.runScript(call, script, keyCount, isReadOnly);
  }

  /** The debugged script has ended: the last lines go out in front of its reply. False: none was debugged. */
  endSession(): boolean {
    const { session } = this;
    if (session === undefined) return false;
    this.session = undefined;
    this.calls.watcher = undefined;
    session.client.connection?.send(session.end());
    return true;
  }

  /** A session that could not begin: its end goes out in front of the error. */
  private refuseSession(client: Client): void {
    client.connection?.send(latin1Bytes('*1\r\n+<endsession>\r\n'));
    client.connection?.closeAfterReply();
  }

  /** SCRIPT LOAD: the script of argument 2, or undefined after an error reply. */
  load(call: ServerCall): Script | undefined {
    const source = call.text(2);
    const known = this.cache.findSource(source);
    if (known !== undefined) {
      this.cache.keep(known);
      return known;
    }
    if (this.isFullFor(source.length)) {
      call.reply.error(
        `ERR the scripts that are loaded take all the memory that they may have (${this.figures.scriptCount} scripts, see INFO memory); SCRIPT FLUSH frees it`,
      );
      return undefined;
    }
    return this.compile(call, source, false);
  }

  /** Whether what is loaded with one more text of so many bytes would be too much for the JavaScript heap. */
  isFullFor(sourceBytes: number): boolean {
    const { scriptBytes, functionBytes } = this.figures;
    return (scriptBytes + functionBytes + sourceBytes) * COMPILED_SHARE > this.server.clientBounds.limits.scriptBytes;
  }

  private compile(call: ServerCall, source: string, isEvictable: boolean, isDebugged = false): Script | undefined {
    const { engine } = this.evalEngine;
    try {
      const { flags, body } = readEvalShebang(source);
      if (isDebugged)
        return new Script(
          sha1Hex(source),
          source,
          flags,
          compileForDebugger(body, '@user_script').bind(engine.globals),
          true,
        );
      return this.cache.add(source, flags, compile(body, '@user_script').bind(engine.globals), isEvictable);
    } catch (error) {
      if (error instanceof ShebangError) call.reply.error(error.message);
      else if (error instanceof LuaSyntaxError)
        call.reply.error(`ERR Error compiling script (new function): ${error.message}`);
      else throw error;
      return undefined;
    }
  }

  private runScript(call: ServerCall, script: Script, keyCount: number, isReadOnly: boolean): void {
    if (!this.mayStart(call, script.flags, isReadOnly)) return;
    const { engine, api } = this.evalEngine;
    engine.globals.set('KEYS', tableOf(call, 3, keyCount));
    engine.globals.set('ARGV', tableOf(call, 3 + keyCount, call.count - 3 - keyCount));
    this.start(call, engine, api, script.main, [], script.sha, false, script.flags, isReadOnly);
  }

  // --- functions ----------------------------------------------------------------------------------------------------

  /** FCALL: the function is argument 1. */
  callFunction(call: ServerCall, isReadOnly: boolean): void {
    this.tellMonitors(call);
    const found = this.functionEngine_?.libraries.findFunction(call.text(1));
    if (found === undefined) {
      call.reply.error('ERR Function not found');
      return;
    }
    const keyCount = this.readKeyCount(call, 'ERR Bad number of keys provided');
    if (keyCount < 0) return;
    this.runFunction(call, found, keyCount, isReadOnly);
  }

  private runFunction(call: ServerCall, called: ScriptFunction, keyCount: number, isReadOnly: boolean): void {
    if (!this.mayStart(call, called.flags, isReadOnly)) return;
    const { engine, api } = this.functionEngine;
    const args = [tableOf(call, 3, keyCount), tableOf(call, 3 + keyCount, call.count - 3 - keyCount)];
    this.start(call, engine, api, called.callback, args, called.name, true, called.flags, isReadOnly);
  }

  /** Flags of a command that runs a script: what the script's own flags say stands before what is said of every EVAL. */
  flagsOf(call: ServerCall, command: Command<ServerCall>): number {
    const flags = this.flagsOfScript(call, command.name);
    if (flags === undefined || (flags & COMPATIBLE) !== 0) return command.flags;
    let own = command.flags;
    if ((flags & scriptFlags['no-writes']) !== 0) own &= ~commandFlags.may_replicate;
    else {
      own |= commandFlags.write;
      if ((flags & scriptFlags['allow-oom']) === 0) own |= commandFlags.denyoom;
    }
    return (flags & scriptFlags['allow-stale']) === 0 ? own & ~commandFlags.stale : own;
  }

  /** Flags of the script or function that argument 1 names; undefined when there is none. */
  private flagsOfScript(call: ServerCall, name: string): number | undefined {
    if (name.startsWith('fcall')) return this.functionEngine_?.libraries.findFunction(call.text(1))?.flags;
    if (name.startsWith('evalsha')) return this.cache.find(call.bytes, call.starts[1]!, call.lengths[1]!)?.flags;
    const isCompatible = call.bytes[call.starts[1]!] !== HASH;
    if (isCompatible) return COMPATIBLE;
    try {
      return readEvalShebang(call.text(1)).flags;
    } catch (error) {
      if (error instanceof ShebangError) return undefined;
      throw error;
    }
  }

  // --- running ------------------------------------------------------------------------------------------------------

  /** The count of keys at argument 2, -1 after an error reply. */
  private readKeyCount(call: ServerCall, notInteger: string): number {
    const count = call.integer(2);
    if (count >= 0 && count <= call.count - 3) return count;
    if (Number.isNaN(count)) call.reply.error(notInteger);
    else if (count < 0) call.reply.error("ERR Number of keys can't be negative");
    else call.reply.error("ERR Number of keys can't be greater than number of args");
    return -1;
  }

  /** Checks what the flags of a script promise against the state of the server. */
  private mayStart(call: ServerCall, flags: number, isReadOnly: boolean): boolean {
    const { server } = this;
    const { reply } = call;
    if ((flags & COMPATIBLE) !== 0) {
      // EVAL itself may run on a stale replica; a script without flags has not said that it may.
      if ((server.gates & Gate.STALE) === 0 || call.client.obeyed) return true;
      reply.error(errors.masterDown);
      return false;
    }
    if ((flags & scriptFlags['no-cluster']) !== 0 && server.mode === 'cluster') {
      reply.error("ERR Can not run script on cluster, 'no-cluster' flag is set.");
      return false;
    }
    const writes = (flags & scriptFlags['no-writes']) === 0;
    if (writes) {
      const refusal = this.refuseWriting(call);
      if (refusal !== undefined) {
        reply.error(refusal);
        return false;
      }
      if (isReadOnly) {
        reply.error('ERR Can not execute a script with write flag using *_ro command.');
        return false;
      }
    }
    if (writes && (flags & scriptFlags['allow-oom']) === 0 && this.isOutOfMemory()) {
      reply.error("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
      return false;
    }
    return true;
  }

  /** Why a script that may write is not even started. */
  private refuseWriting(call: ServerCall): string | undefined {
    const { server } = this;
    if (call.client.kind === 'master') return undefined;
    if (server.role === 'replica' && server.config.flag('replica-read-only').value)
      return 'READONLY Can not run script with write flag on readonly replica.';
    const refusal = server.refuseWrite(call.client, call.command as never);
    if (refusal?.startsWith('MISCONF') !== true) return refusal;
    return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts.";
  }

  private isOutOfMemory(): boolean {
    const { server } = this;
    return server.settings.maxMemory > 0 && server.usedBytes > server.settings.maxMemory && !server.evictSome();
  }

  /** @hot */
  private start(
    call: ServerCall,
    engine: Engine,
    api: RedisApi,
    main: LuaFunction,
    args: LuaValue[],
    name: string,
    isFunction: boolean,
    flags: number,
    isReadOnly: boolean,
  ): void {
    const { server, calls } = this;
    const { client } = call;
    api.respVersion = 2;
    const isCompatible = (flags & COMPATIBLE) !== 0;
    const rules = {
      isReadOnly: isReadOnly || (!isCompatible && (flags & scriptFlags['no-writes']) !== 0),
      allowsSlots: isCompatible || (flags & scriptFlags['allow-cross-slot-keys']) !== 0,
      allowsOutOfMemory: !isCompatible && (flags & scriptFlags['allow-oom']) !== 0,
    };
    calls.begin(client, call.db, rules, this.isOutOfMemory());
    if ((server.gates & Gate.CLUSTER) !== 0) calls.beginInCluster();
    const startedMs = server.startedMsOfCommand;
    const run: Run = {
      execution: this.execution(engine, main, args),
      api,
      name,
      isFunction,
      client,
      commandId: call.command.id,
      startedMs,
    };
    this.current = run;
    server.depth++;
    server.effects.begin();
    this.sliceEndMs = startedMs + SLICE_MS;
    if (this.session !== undefined) {
      this.parked.park(call, run);
      server.preventPropagation(call);
      return;
    }
    const mayPark = this.mayPark(client);
    const state = run.execution.advance(mayPark ? this.mayContinue : this.boundOf());
    if (state === 'suspended' && mayPark) this.parked.park(call, run);
    else {
      if (state === 'suspended') breakOff(run.execution, 'the script has not ended');
      this.finish(call, run);
      this.spare = run.execution;
    }
    // Its changes were propagated command by command.
    server.preventPropagation(call);
  }

  /** What a script that cannot be parked asks whether it may go on. */
  private boundOf(): () => boolean {
    const { bound } = this;
    if (bound === undefined) return this.goesOn;
    bound.begin();
    return bound.mayContinue;
  }

  /** A run that has ended is used again: most scripts are short, and making one would be a good part of their time. */
  private execution(engine: Engine, main: LuaFunction, args: LuaValue[]): Execution {
    const { spare } = this;
    if (spare === undefined) return new Execution(engine, main, args);
    this.spare = undefined;
    spare.restart(engine, main, args);
    return spare;
  }

  /** Whether the event loop can have turns before a script has ended: not while data is loaded, where nobody would wait for it. */
  private mayPark(client: Client): boolean {
    return client.connection !== undefined && !this.server.loading;
  }

  /** Gives a parked script another slice; true when it has ended. */
  advance(run: Run): boolean {
    this.sliceEndMs = this.clock() + SLICE_MS;
    return run.execution.advance(this.mayContinue) !== 'suspended';
  }

  /** A script has ended: replies and lets its effects go. */
  finish(call: ServerCall, run: Run): void {
    const { server } = this;
    this.current = undefined;
    server.effects.end();
    server.depth--;
    const { execution } = run;
    if (execution.state === 'done') this.reply(call.reply, execution.values[0], run);
    else this.replyFailure(call.reply, run, execution.error!);
  }

  /** @hot */
  private reply(reply: ReplyWriter, value: LuaValue, run: Run): void {
    const error = writeReply(reply, value, run.api.respVersion);
    if (error !== undefined) this.countFailure(run, error, value);
  }

  private replyFailure(reply: ReplyWriter, run: Run, error: LuaError): void {
    const { bug } = run.execution;
    if (bug !== null) this.server.log('warning', `Internal error in script ${run.name}: ${stackOf(bug)}`);
    const text = errorReply(error, run.name);
    reply.uncountedError(text);
    this.countFailure(run, text, error.value);
  }

  private countFailure(run: Run, text: string, value: LuaValue): void {
    const { stats } = this.server;
    stats.countFailed(run.commandId);
    // The replies of commands in the script were counted there.
    const isCounted = value instanceof LuaTable && value.getHash('ignore_error_stats_update') === true;
    if (!isCounted) stats.countErrorReply(text);
  }

  private tellMonitors(call: ServerCall): void {
    const { monitors } = this.server;
    if (monitors.count > 0) monitors.feed(call, call.db.index, undefined);
  }
}

/** Arguments as a Lua table of strings. @hot */
function tableOf(call: ServerCall, first: number, count: number): LuaTable {
  const { bytes, starts, lengths } = call;
  if (count === 0) return new LuaTable();
  // Not by `push` alone, which makes room for seventeen: most scripts have a key or two.
  const values: LuaValue[] = [shortText(bytes, starts[first]!, lengths[first]!)];
  for (let index = first + 1; index < first + count; index++)
    values.push(shortText(bytes, starts[index]!, lengths[index]!));
  return new LuaTable(values);
}
