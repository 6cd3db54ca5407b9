// debug-session: SCRIPT DEBUG: a script is run line by line, as the client says (ldb, the protocol of `redis-cli --ldb`).
//
// While the session lasts, what the client sends are no commands of Redis but of the debugger. Each is answered with an array of
// status lines; commands that let the script run on (step, continue) are answered when it stops again. At the end comes an array
// that ends with `<endsession>`, then EVAL's own reply, and the connection is closed.
//
// A debugged script is parked (parked-script) all the time: it calls `atLine` at each line, and where it shall stop
// that suspends it, so that its frames lie on the heap and can be looked at.
//
// SYNC and YES differ in that YES takes all changes back at the end (undo). redis-server serves others meanwhile, from the process
// that it forked from; here they wait in both modes, and get -BUSY after busy-reply-threshold.
//
// Not here: what redis-server does not do either: setting variables, stopping in function libraries.

import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import { latin1, latin1Bytes, parseInteger } from '../../base/bytes.js';
import type { Command } from '../../registry/command.js';
import { compile } from '../../scripting/lua/compile.js';
import { type Engine, Execution, type StackLevel } from '../../scripting/lua/engine.js';
import { LuaSyntaxError } from '../../scripting/lua/lexer.js';
import { machine, suspend } from '../../scripting/lua/machine.js';
import { type LuaError, LuaTable, type LuaValue } from '../../scripting/lua/values.js';
import { errorText } from '../../scripting/redis-api.js';
import type { Client } from '../../service/clients/client.js';
import type { ServerCall } from '../call.js';
import { describeReply, describeValue } from './debug-text.js';
import type { Run } from './run.js';
import type { CallWatcher, ScriptCalls } from './script-calls.js';
import { Undo, type UndoHost } from './undo.js';

/** The script that is debugged, and the client's requests. */
export interface DebugHost extends UndoHost {
  readonly call: ServerCall;
  readonly writer: ReplyWriter;
  readonly clock: Clock;
  readonly scripting: { readonly calls: ScriptCalls; readonly current: Run | undefined };
  log(level: LogLevel, text: string): void;
}

const BREAKPOINTS_MAX = 64;
const LIST_CONTEXT = 5;
/** Characters shown of one value at first, and the least that `maxlen` accepts. */
const SHOWN_BYTES = 256;
const SHOWN_BYTES_MIN = 60;
const SHOWN_ARGUMENTS_MAX = 10;
const EVAL_LOOKS_MAX = 10_000;

const help = [
  'Redis Lua debugger help:',
  '[h]elp               Show this help.',
  '[s]tep               Run current line and stop again.',
  '[n]ext               Alias for step.',
  '[c]ontinue           Run till next breakpoint.',
  '[l]ist               List source code around current line.',
  '[l]ist [line]        List source code around [line].',
  '                     line = 0 means: current position.',
  '[l]ist [line] [ctx]  In this form [ctx] specifies how many lines',
  '                     to show before/after [line].',
  "[w]hole              List all source code. Alias for 'list 1 1000000'.",
  '[p]rint              Show all the local variables.',
  '[p]rint <var>        Show the value of the specified variable.',
  '                     Can also show global vars KEYS and ARGV.',
  '[b]reak              Show all breakpoints.',
  '[b]reak <line>       Add a breakpoint to the specified line.',
  '[b]reak -<line>      Remove breakpoint from the specified line.',
  '[b]reak 0            Remove all breakpoints.',
  '[t]race              Show a backtrace.',
  '[e]val <code>        Execute some Lua code (in a different callframe).',
  '[r]edis <cmd>        Execute a Redis command.',
  '[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.',
  '                     Specifying zero as <len> means unlimited.',
  '[a]bort              Stop the execution of the script. In sync',
  '                     mode dataset changes will be retained.',
  '',
  'Debugger functions you can call from Lua scripts:',
  'redis.debug()        Produce logs in the debugger console.',
  'redis.breakpoint()   Stop execution like if there was a breakpoint in the',
  '                     next line of code.',
] as const;

/** The interface of the script that a session debugs. */
export interface Debuggee {
  readonly execution: Execution;
  /** Lets the script run on. */
  goOn(): void;
  /** Ends the script with an error. */
  abort(message: string): void;
}

/** C's atoi. */
function integerIn(text: string): number {
  return Number(/^\s*[-+]?\d+/.exec(text)?.[0] ?? 0);
}

export class DebugSession implements CallWatcher {
  /** The script waits for the client's word. */
  isStopped = false;
  debuggee: Debuggee | undefined;
  private readonly source: readonly string[];
  private readonly undo: Undo | undefined;
  private logs: string[] = [];
  private line = 0;
  private isStepping = true;
  private hasTimedOut = false;
  private stopsNext = false;
  private breakpoints: number[] = [];
  private shownBytes = SHOWN_BYTES;
  private knowsMaxlen = false;

  constructor(
    private readonly server: DebugHost,
    private readonly engine: Engine,
    readonly client: Client,
    source: string,
    rollsBack: boolean,
  ) {
    this.source = source.replace(/[\r\n]+$/, '').split('\n');
    this.undo = rollsBack ? new Undo(server) : undefined;
    machine.atLine = (line) => this.atLine(line);
    // The debugger receives this client's input until the session ends.
    client.execute = (): void => this.take();
    server.log('notice', 'Redis synchronous debugging eval session started');
  }

  // --- the script ---------------------------------------------------------------------------------------------------

  private atLine(line: number): void {
    this.line = line;
    const isBreakpoint = this.breakpoints.includes(line);
    if (!this.isStepping && !isBreakpoint && !this.stopsNext) return;
    let reason = 'step over';
    if (this.stopsNext) reason = 'redis.breakpoint() called';
    else if (isBreakpoint) reason = 'break point';
    else if (this.hasTimedOut) reason = 'timeout reached, infinite loop?';
    this.isStepping = false;
    this.stopsNext = false;
    this.hasTimedOut = false;
    this.log(`* Stopped at ${line}, stop reason = ${reason}`);
    this.logLine(line);
    this.isStopped = true;
    throw suspend('slice');
  }

  /** The script has run for long without a stop: it stops at the next line. */
  timeOut(): void {
    this.hasTimedOut = true;
    this.isStepping = true;
  }

  /** The script has stopped: tells the client, and waits for its word. */
  report(): void {
    const { client } = this;
    client.connection?.send(this.takeLogs());
    client.blocked = false;
    this.server.clock.soon(() => client.connection?.proceed());
  }

  /** The client is gone, or the server wants to end: the script runs to its end. */
  release(): void {
    this.isStepping = false;
    this.stopsNext = false;
    this.breakpoints = [];
    if (this.isStopped) this.runOn();
  }

  /** The script has ended: the last lines for the client. */
  end(): Uint8Array {
    machine.atLine = () => undefined;
    delete (this.client as { execute?: unknown }).execute;
    this.undo?.rollBack();
    this.log('<endsession>');
    this.server.log('notice', 'Redis synchronous debugging eval session ended');
    return this.takeLogs();
  }

  private runOn(): void {
    this.isStopped = false;
    this.client.blocked = true;
    this.debuggee!.goOn();
  }

  // --- calls of the script ------------------------------------------------------------------------------------------

  called(args: readonly string[]): void {
    if (!this.isStepping) return;
    const shown = args.slice(0, SHOWN_ARGUMENTS_MAX).join(' ');
    this.log(
      `<redis> ${shown}${args.length > SHOWN_ARGUMENTS_MAX ? ` ... (${args.length - SHOWN_ARGUMENTS_MAX - 1} more)` : ''}`,
    );
  }

  /** A command was refused before it ran. */
  refused(text: string): void {
    if (this.isStepping) this.log(`<error> ${text.replace(/^ERR /, '')}`);
  }

  replied(bytes: Uint8Array, length: number): void {
    if (!this.isStepping) return;
    const text = latin1(bytes, 0, length);
    if (text.startsWith('-')) this.log(`<error> ${text.slice(0, -2)}`);
    this.logTrimmed(`<reply> ${describeReply(text)}`);
  }

  beforeWrite(call: ServerCall, command: Command<ServerCall>): void {
    this.undo?.before(call, command);
  }

  /** Effects of what is taken back go nowhere. */
  get isSilent(): boolean {
    return this.undo !== undefined;
  }

  /** redis.breakpoint(). */
  breakpoint(): boolean {
    this.stopsNext = true;
    return true;
  }

  /** redis.debug(). */
  debug(values: readonly LuaValue[]): void {
    this.log(`<debug> line ${this.line}: ${values.map((value) => describeValue(value)).join(', ')}`);
  }

  // --- commands of the client ---------------------------------------------------------------------------------------

  /** The request in the server's call is for the debugger. */
  private take(): void {
    const { call } = this.server;
    const words: string[] = [];
    for (let index = 0; index < call.count; index++) words.push(call.text(index));
    this.obey(words);
    const bytes = this.takeLogs();
    if (bytes.length > 0) this.server.writer.raw(bytes);
  }

  private obey(words: readonly string[]): void {
    const [name, first] = words;
    switch (name!.toLowerCase()) {
      case 'h':
      case 'help':
        for (const line of help) this.log(line);
        return;
      case 's':
      case 'step':
      case 'n':
      case 'next':
        this.isStepping = true;
        return this.runOn();
      case 'c':
      case 'continue':
        return this.runOn();
      case 't':
      case 'trace':
        return this.trace();
      case 'm':
      case 'maxlen':
        return this.setShownBytes(words);
      case 'b':
      case 'break':
        return this.changeBreakpoints(words.slice(1));
      case 'e':
      case 'eval':
        return this.evaluate(words.slice(1).join(' '));
      case 'a':
      case 'abort':
        this.isStopped = false;
        this.client.blocked = true;
        return this.debuggee!.abort('script aborted for user request');
      case 'r':
      case 'redis':
        if (first !== undefined) return this.runCommand(words.slice(1));
        break;
      case 'p':
      case 'print':
        return words.length === 2 ? this.print(first!) : this.printAll();
      case 'l':
      case 'list': {
        const around = integerIn(first ?? '');
        return this.list(around > 0 ? around : this.line, words.length > 2 ? integerIn(words[2]!) : LIST_CONTEXT);
      }
      case 'w':
      case 'whole':
        return this.list(1, 1_000_000);
    }
    this.log('<error> Unknown Redis Lua debugger command or wrong number of arguments.');
  }

  private levels(): readonly StackLevel[] {
    return this.debuggee!.execution.levels();
  }

  private trace(): void {
    this.levels().forEach(({ name, line }, depth) => {
      this.log(`${depth === 0 ? 'In' : 'From'} ${name ?? 'top level'}:`);
      this.logLine(line);
    });
  }

  private printAll(): void {
    const locals = this.levels()[0]?.locals ?? [];
    for (const { name, value } of locals) this.logTrimmed(`<value> ${name} = ${describeValue(value)}`);
    if (locals.length === 0) this.log('No local variables in the current context.');
  }

  private print(wanted: string): void {
    for (const { locals } of this.levels()) {
      const found = locals.find(({ name }) => name === wanted);
      if (found !== undefined) return this.logTrimmed(`<value> ${describeValue(found.value)}`);
    }
    if (wanted === 'KEYS' || wanted === 'ARGV')
      this.logTrimmed(`<value> ${describeValue(this.engine.globals.get(wanted))}`);
    else this.log('No such variable.');
  }

  private changeBreakpoints(words: readonly string[]): void {
    const { breakpoints } = this;
    if (words.length === 0) {
      if (breakpoints.length === 0) return this.log("No breakpoints set. Use 'b <line>' to add one.");
      this.log(`${breakpoints.length} breakpoints set:`);
      for (const line of breakpoints) this.logLine(line);
      return;
    }
    for (const word of words) {
      const bytes = latin1Bytes(word);
      const line = parseInteger(bytes, 0, bytes.length);
      if (Number.isNaN(line)) this.log(`Invalid argument:'${word}'`);
      else if (line === 0) {
        breakpoints.length = 0;
        this.log('All breakpoints removed.');
      } else if (line > 0) this.addBreakpoint(line);
      else if (breakpoints.includes(-line)) {
        breakpoints.splice(breakpoints.indexOf(-line), 1);
        this.log('Breakpoint removed.');
      } else this.log('No breakpoint in the specified line.');
    }
  }

  private addBreakpoint(line: number): void {
    if (this.breakpoints.length === BREAKPOINTS_MAX) this.log('Too many breakpoints set.');
    else if (line > this.source.length || this.breakpoints.includes(line)) this.log('Wrong line number.');
    else {
      this.breakpoints.push(line);
      this.list(line, 1);
    }
  }

  private evaluate(code: string): void {
    let main;
    try {
      main = this.compileExpression(code).bind(this.engine.globals);
    } catch (error) {
      if (!(error instanceof LuaSyntaxError)) throw error;
      return this.log(`<error> ${error.message}`);
    }
    const execution = new Execution(this.engine, main, []);
    let looks = 0;
    const state = execution.advance(() => ++looks < EVAL_LOOKS_MAX);
    if (state === 'suspended') {
      execution.kill();
      this.log('<error> the code took too long');
    } else if (state === 'done') this.logTrimmed(`<retval> ${describeValue(execution.values[0])}`);
    else this.log(`<error> ${messageOf(execution.error!)}`);
  }

  private compileExpression(code: string): ReturnType<typeof compile> {
    try {
      return compile(`return ${code}`, '@ldb_eval');
    } catch (error) {
      if (!(error instanceof LuaSyntaxError)) throw error;
      return compile(code, '@ldb_eval');
    }
  }

  private runCommand(words: readonly string[]): void {
    this.isStepping = true;
    this.server.scripting.calls.call(words, this.server.scripting.current!.api.respVersion);
    this.isStepping = false;
  }

  private setShownBytes(words: readonly string[]): void {
    if (words.length === 2) {
      const wanted = integerIn(words[1]!);
      this.knowsMaxlen = true;
      this.shownBytes = wanted !== 0 ? Math.max(wanted, SHOWN_BYTES_MIN) : 0;
    }
    this.log(
      this.shownBytes > 0
        ? `<value> replies are truncated at ${this.shownBytes} bytes.`
        : '<value> replies are unlimited.',
    );
  }

  private list(around: number, context: number): void {
    for (let line = 1; line <= this.source.length; line++)
      if (around === 0 || Math.abs(around - line) <= context) this.logLine(line);
  }

  // --- messages to the client ---------------------------------------------------------------------------------------

  private log(text: string): void {
    this.logs.push(text.replace(/[\r\n]/g, ' '));
  }

  private logTrimmed(text: string): void {
    if (this.shownBytes === 0 || text.length <= this.shownBytes) return this.log(text);
    this.log(`${text.slice(0, this.shownBytes)} ...`);
    if (this.knowsMaxlen) return;
    this.knowsMaxlen = true;
    this.log("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.");
  }

  private logLine(line: number): void {
    const isBreakpoint = this.breakpoints.includes(line);
    const mark = line === this.line ? (isBreakpoint ? '->#' : '-> ') : isBreakpoint ? '  #' : '   ';
    this.log(`${mark}${String(line).padEnd(3)} ${this.source[line - 1] ?? '<out of range source code line>'}`);
  }

  private takeLogs(): Uint8Array {
    const { logs } = this;
    this.logs = [];
    return logs.length === 0
      ? new Uint8Array(0)
      : latin1Bytes(`*${logs.length}\r\n${logs.map((text) => `+${text}\r\n`).join('')}`);
  }
}

function messageOf(error: LuaError): string {
  return error.value instanceof LuaTable ? errorText(error) : errorText(error).replace(/^ERR /, '');
}
