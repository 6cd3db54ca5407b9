// redis-api: the `redis` table that scripts and functions see, and the way of replies into and out of Lua.
//
// The engine (lua/) knows nothing of Redis; the server knows nothing of Lua. Between them stands ScriptHost: the server runs a
// command and hands back one reply in RESP bytes, in the protocol version that the script chose with `redis.setresp`.
//
//   reply -> Lua     integer number · bulk string · status {ok=} · error {err=} · null false (RESP3 nil) · array table ·
//                    map {map=} · set {set={member=true}} · double {double=} · boolean boolean ·
//                    big number {big_number=} · verbatim {verbatim_string={string=,format=}}
//   Lua -> reply     number integer (cut) · string bulk · true 1, or #t under setresp(3) · false null, or #f under setresp(3) ·
//                    tables by the fields above, else an array up to the first nil · anything else null
//
// A failed `redis.call` raises {err=...}. `pcall` gives its text where the table has one (see machine), and what leaves the
// script is `ERR text script: name, on @chunk:line.`, made by `errorReply`.
import { errors } from '../protocol/errors.js';
import { latin1Bytes } from '../base/bytes.js';
import { shortText } from '../base/short-text.js';
import { chargeMemory } from './lua/machine.js';
import { sha1Hex } from '../base/sha1.js';
import type { ReplyWriter } from '../protocol/reply.js';
import { protectGlobals } from './lua/engine.js';
import { numberToString, formatGeneral } from './lua/numbers.js';
import { setFunctions } from './lua/native.js';
import { LuaError, LuaFunction, LuaTable, traversalEnd } from './lua/values.js';
import type { LuaValue } from './lua/values.js';

/** From about this length on a string lies outside the JavaScript heap. */
const LONG_STRING_BYTES = 1_000_000;

/** The server as scripts use it. Replies are borrowed until the next call. */
export interface ScriptHost {
  /** Runs a command; arguments are one-byte strings. Errors are error replies, also those of the gates before it. */
  call(args: readonly string[], respVersion: 2 | 3): Uint8Array;
  log(level: number, message: string): void;
  /** May the script's user run this? undefined for an unknown command or a wrong number of arguments. */
  mayRun(args: readonly string[]): boolean | undefined;
  /** Bits of `redis.REPL_*`. */
  setReplication(flags: number): void;
  /** redis.breakpoint(): whether there is a debugger. */
  breakpoint(): boolean;
  /** redis.debug(). */
  debug(values: readonly LuaValue[]): void;
  /** The protocol version of replies to `call` from now on. */
  setResp(version: 2 | 3): void;
  readonly version: string;
  readonly versionNumber: number;
  /** Members that the table of EVAL does not have, on a server that answers as an old one. */
  readonly missing?: readonly string[];
}

/** Error replies that the host uses for calls from scripts. */
export const scriptCallErrors = {
  unknownCommand: 'ERR Unknown Redis command called from script',
  wrongArity: 'ERR Wrong number of args calling Redis command from script',
  notAllowed: 'ERR This Redis command is not allowed from script',
} as const;

const replyDepthMax = 3000;
const tooDeep = 'ERR reached lua stack limit';

function errorTable(message: string): LuaTable {
  const table = new LuaTable();
  table.set('err', message);
  return table;
}

function fail(message: string): LuaError {
  return new LuaError(errorTable(message), 0);
}

// -- replies into Lua

/** Reads one reply as a Lua value. */
class ReplyReader {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  read(bytes: Uint8Array): LuaValue {
    this.bytes = bytes;
    this.at = 0;
    return this.value();
  }

  /** The rest of the line, without its end. */
  private line(): string {
    const { bytes } = this;
    const start = this.at;
    let end = start;
    while (bytes[end] !== 13) end++;
    this.at = end + 2;
    return shortText(bytes, start, end - start);
  }

  private status(): string {
    const { bytes, at } = this;
    if (bytes[at] !== 79 || bytes[at + 1] !== 75 || bytes[at + 2] !== 13) return this.line();
    this.at = at + 4;
    return 'OK';
  }

  private number(): number {
    const { bytes } = this;
    let { at } = this;
    const isNegative = bytes[at] === 45;
    if (isNegative) at++;
    let value = 0;
    for (; bytes[at] !== 13; at++) value = value * 10 + bytes[at]! - 48;
    this.at = at + 2;
    return isNegative ? -value : value;
  }

  private text(length: number): string {
    const start = this.at;
    this.at = start + length + 2;
    if (length >= LONG_STRING_BYTES) chargeMemory(length);
    return shortText(this.bytes, start, length);
  }

  private wrap(name: string, value: LuaValue): LuaTable {
    const table = new LuaTable();
    table.set(name, value);
    return table;
  }

  private array(length: number): LuaTable {
    const table = new LuaTable();
    // A hole is kept: RESP3 nulls are nil.
    for (let at = 1; at <= length; at++) table.setNumber(at, this.value());
    return table;
  }

  private map(length: number): LuaTable {
    const map = new LuaTable();
    for (let at = 0; at < length; at++) {
      const key = this.value();
      const value = this.value();
      if (key !== undefined && key === key) map.set(key, value);
    }
    return map;
  }

  private value(): LuaValue {
    const kind = this.bytes[this.at++];
    switch (kind) {
      case 0x24: {
        const length = this.number();
        return length < 0 ? false : this.text(length);
      }
      case 0x3a:
        return this.number();
      case 0x2b:
        return this.wrap('ok', this.status());
      case 0x2d: {
        const table = new LuaTable();
        table.set('ignore_error_stats_update', true);
        table.set('err', this.line());
        return table;
      }
      case 0x2a: {
        const length = this.number();
        return length < 0 ? false : this.array(length);
      }
      case 0x25:
        return this.wrap('map', this.map(this.number()));
      case 0x7e: {
        const length = this.number();
        const set = new LuaTable();
        for (let at = 0; at < length; at++) {
          const member = this.value();
          if (member !== undefined && member === member) set.set(member, true);
        }
        return this.wrap('set', set);
      }
      case 0x5f:
        this.at += 2;
        return undefined;
      case 0x23: {
        const isTrue = this.bytes[this.at] === 0x74;
        this.at += 3;
        return isTrue;
      }
      case 0x2c: {
        const text = this.line();
        const value = text === 'inf' ? Infinity : text === '-inf' ? -Infinity : text === 'nan' ? NaN : Number(text);
        return this.wrap('double', value);
      }
      case 0x28:
        return this.wrap('big_number', this.line());
      case 0x3d: {
        const text = this.text(this.number());
        const verbatim = new LuaTable();
        verbatim.set('string', text.slice(4));
        verbatim.set('format', text.slice(0, 3));
        return this.wrap('verbatim_string', verbatim);
      }
      case 0x3e:
        return this.array(this.number());
      case 0x7c:
        // Attributes say nothing to a script.
        this.map(this.number());
        return this.value();
      default:
        throw new Error(`reply of an unknown kind ${kind} at byte ${this.at - 1}`);
    }
  }
}

// -- replies out of Lua

function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}

/** The text up to its first NUL, as a C string holds it. */
function beforeZero(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function isLineEnd(code: number): boolean {
  return code === 10 || code === 13;
}

/** The part of an error's text that a client gets: without line ends. */
function errorLine(err: string): string {
  const text = beforeZero(err);
  let end = text.length;
  while (end > 0 && isLineEnd(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

/** A double as C casts it to a 64-bit integer. */
function writeInteger(reply: ReplyWriter, value: number): void {
  if (Number.isSafeInteger(value)) reply.integer(value === 0 ? 0 : value);
  else reply.bigInteger(value > -(2 ** 63) && value < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n));
}

function writeValue(reply: ReplyWriter, value: LuaValue, scriptResp: 2 | 3, depth: number): void {
  switch (typeof value) {
    case 'string':
      reply.bulkLatin1(value);
      return;
    case 'number':
      writeInteger(reply, value);
      return;
    case 'boolean':
      if (scriptResp === 3) reply.boolean(value);
      else if (value) reply.integer(1);
      else reply.nil();
      return;
    default:
      if (value instanceof LuaTable) writeTable(reply, value, scriptResp, depth);
      else reply.nil();
  }
}

function writeTable(reply: ReplyWriter, table: LuaTable, scriptResp: 2 | 3, depth: number): void {
  if (depth > replyDepthMax) {
    reply.uncountedError(tooDeep);
    return;
  }
  if (table.keys.length > 0 && writeSpecial(reply, table, scriptResp, depth)) return;
  let count = 0;
  while (table.getNumber(count + 1) !== undefined) count++;
  reply.array(count);
  for (let at = 1; at <= count; at++) writeValue(reply, table.getNumber(at), scriptResp, depth + 1);
}

/** Writes what a table with one of the known fields stands for; false when it has none. */
function writeSpecial(reply: ReplyWriter, table: LuaTable, scriptResp: 2 | 3, depth: number): boolean {
  const err = table.getHash('err');
  if (typeof err === 'string') {
    reply.uncountedError(errorLine(err));
    return true;
  }
  const ok = table.getHash('ok');
  if (typeof ok === 'string') {
    if (ok === 'OK') reply.ok();
    else reply.status(beforeZero(ok));
    return true;
  }
  const number = table.getHash('double');
  if (typeof number === 'number') {
    const text = formatGeneral(number, 17);
    reply.doubleText(text.endsWith('nan') ? 'nan' : text);
    return true;
  }
  const map = table.getHash('map');
  if (map instanceof LuaTable) {
    reply.map(countPairs(map));
    writePairs(reply, map, scriptResp, depth, true);
    return true;
  }
  const set = table.getHash('set');
  if (set instanceof LuaTable) {
    reply.set(countPairs(set));
    writePairs(reply, set, scriptResp, depth, false);
    return true;
  }
  const big = table.getHash('big_number');
  if (typeof big === 'string') {
    if (reply.protocol === 3) reply.bigNumber(oneLine(big));
    else reply.bulkLatin1(oneLine(big));
    return true;
  }
  const verbatim = table.getHash('verbatim_string');
  if (!(verbatim instanceof LuaTable)) return false;
  const text = verbatim.getHash('string');
  const format = verbatim.getHash('format');
  if (typeof text !== 'string' || typeof format !== 'string') return false;
  if (reply.protocol === 3)
    reply.raw(latin1Bytes(`=${text.length + 4}\r\n${beforeZero(format).padEnd(3).slice(0, 3)}:${text}\r\n`));
  else reply.bulkLatin1(text);
  return true;
}

function countPairs(table: LuaTable): number {
  let count = 0;
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) count++;
  return count;
}

function writePairs(reply: ReplyWriter, table: LuaTable, scriptResp: 2 | 3, depth: number, isMap: boolean): void {
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
    writeValue(reply, table.keyAt(position), scriptResp, depth + 1);
    if (isMap) writeValue(reply, table.valueAt(position), scriptResp, depth + 1);
  }
}

/**
 * Writes what a script returned. `scriptResp` is the protocol version that the script chose; that of the client is the
 * writer's. Returns the text of the error when the whole reply is one, which the writer has not counted. @hot
 */
export function writeReply(reply: ReplyWriter, value: LuaValue, scriptResp: 2 | 3): string | undefined {
  const start = value instanceof LuaTable ? reply.defer() : undefined;
  try {
    writeValue(reply, value, scriptResp, 0);
  } catch (error) {
    // Maps within maps use up our own stack first.
    if (!(error instanceof RangeError && error.message.includes('stack')) || start === undefined) throw error;
    reply.rewind(start);
    reply.uncountedError(tooDeep);
    return tooDeep;
  }
  if (!(value instanceof LuaTable)) return undefined;
  const err = value.getHash('err');
  return typeof err === 'string' ? oneLine(errorLine(err)) : undefined;
}

/** The message of an error with its code: of a table its `err`. */
export function errorText({ value }: LuaError): string {
  if (value instanceof LuaTable) {
    const err = value.getHash('err');
    return typeof err === 'string' ? beforeZero(err) : 'ERR unknown error';
  }
  const text =
    typeof value === 'string'
      ? value
      : typeof value === 'number'
        ? numberToString(value)
        : value === undefined
          ? 'nil'
          : String(value);
  return `ERR ${beforeZero(text)}`;
}

/** The error of a failed script: the message with the script's name and the line, without `-` and line end. */
export function errorReply(error: LuaError, scriptName: string): string {
  const place = error.where === null ? '' : `, on @${error.where.chunk}:${error.where.line}.`;
  return oneLine(`${errorText(error)} script: ${scriptName}${place}`);
}

// -- the table

export const logLevels = { LOG_DEBUG: 0, LOG_VERBOSE: 1, LOG_NOTICE: 2, LOG_WARNING: 3 } as const;
const replicationFlags = { REPL_NONE: 0, REPL_AOF: 1, REPL_SLAVE: 2, REPL_REPLICA: 2, REPL_ALL: 3 } as const;

function setConstants(table: LuaTable, constants: Readonly<Record<string, LuaValue>>): void {
  for (const name of Object.keys(constants)) table.set(name, constants[name]);
}

/** A command's arguments; null where one is neither string nor number. */
function commandArguments(args: readonly LuaValue[]): readonly string[] | null {
  let plain = 0;
  while (plain < args.length && typeof args[plain] === 'string') plain++;
  if (plain === args.length) return args as readonly string[];
  const texts: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (typeof arg === 'string') texts.push(arg);
    else if (typeof arg === 'number') texts.push((arg | 0) === arg && arg !== 0 ? `${arg}` : formatGeneral(arg, 17));
    else return null;
  }
  return texts;
}

const noArguments = 'ERR Please specify at least one argument for this redis lib call';
const badArguments = 'ERR Lua redis lib command arguments must be strings or integers';

/** State of the running script that its caller resets before each run. */
export class RedisApi {
  /** The protocol that `redis.setresp` chose. */
  respVersion: 2 | 3 = 2;
  private readonly reader = new ReplyReader();

  constructor(private readonly host: ScriptHost) {}

  private command(args: LuaValue[], isProtected: boolean): LuaValue {
    let reply: LuaValue;
    if (args.length === 0) {
      reply = errorTable(noArguments);
    } else {
      const texts = commandArguments(args);
      reply = texts === null ? errorTable(badArguments) : this.reader.read(this.host.call(texts, this.respVersion));
    }
    if (!isProtected && reply instanceof LuaTable && reply.getHash('err') !== undefined) throw new LuaError(reply, 0);
    return reply;
  }

  private log(args: LuaValue[]): void {
    if (args.length < 2) throw fail('ERR redis.log() requires two arguments or more.');
    const [level] = args;
    if (typeof level !== 'number') throw fail('ERR First argument must be a number (log level).');
    if (level < logLevels.LOG_DEBUG || level > logLevels.LOG_WARNING) throw fail('ERR Invalid debug level.');
    const parts: string[] = [];
    for (const part of args.slice(1)) {
      if (typeof part === 'string') parts.push(part);
      else if (typeof part === 'number') parts.push(numberToString(part));
    }
    this.host.log(Math.trunc(level), parts.join(' '));
  }

  private readonly logFunction = (...args: LuaValue[]): LuaValue[] => {
    this.log(args);
    return [];
  };

  private single(args: LuaValue[], field: 'err' | 'ok'): LuaTable {
    const [text] = args;
    if (args.length !== 1 || typeof text !== 'string') return errorTable('ERR wrong number or type of arguments');
    const table = new LuaTable();
    if (field === 'ok') {
      table.set('ok', text);
      return table;
    }
    const message = beforeZero(text.startsWith('-') ? text.slice(1) : text);
    const space = message.indexOf(' ');
    let start = space + 1;
    while (isLineEnd(message.charCodeAt(start))) start++;
    // Without a code in front the message gets the common one.
    table.set('err', `${space < 0 ? 'ERR' : message.slice(0, space)} ${errorLine(message.slice(start))}`);
    return table;
  }

  /** The table for functions; `forEval` adds what only EVAL scripts have. */
  table(forEval: boolean): LuaTable {
    const { host } = this;
    const table = setFunctions(new LuaTable(), {
      call: (...args) => this.command(args, false),
      pcall: (...args) => this.command(args, true),
      log: this.logFunction,
      setresp: (...args) => {
        if (args.length !== 1) throw fail('ERR redis.setresp() requires one argument.');
        const version = Number(args[0]);
        if (version !== 2 && version !== 3) throw fail('ERR RESP version must be 2 or 3.');
        this.respVersion = version;
        host.setResp(version);
        return [];
      },
      error_reply: (...args) => this.single(args, 'err'),
      status_reply: (...args) => this.single(args, 'ok'),
      sha1hex: (...args) => {
        if (args.length !== 1) throw fail('ERR wrong number of arguments');
        const [text] = args;
        return sha1Hex(typeof text === 'string' ? text : typeof text === 'number' ? numberToString(text) : '');
      },
      set_repl: (...args) => {
        if (args.length !== 1) throw fail('ERR redis.set_repl() requires two arguments.');
        const flags = Number(args[0]) | 0;
        if ((flags & ~replicationFlags.REPL_ALL) !== 0) {
          throw fail('ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.');
        }
        host.setReplication(flags);
        return [];
      },
      acl_check_cmd: (...args) => {
        if (args.length === 0) throw fail(noArguments);
        const texts = commandArguments(args);
        if (texts === null) throw fail(badArguments);
        const answer = host.mayRun(texts);
        if (answer === undefined) throw fail('ERR Invalid command passed to redis.acl_check_cmd()');
        return answer;
      },
    });
    if (forEval) {
      setFunctions(table, {
        replicate_commands: () => true,
        breakpoint: () => host.breakpoint(),
        debug: (...args) => {
          host.debug(args);
          return [];
        },
      });
    }
    setConstants(table, logLevels);
    setConstants(table, replicationFlags);
    setConstants(table, { REDIS_VERSION: host.version, REDIS_VERSION_NUM: host.versionNumber });
    for (const name of host.missing ?? []) table.set(name, undefined);
    return table;
  }

  /** The table while a library loads: it can log and register functions. */
  libraryTable(register: (declaration: FunctionDeclaration) => void): LuaTable {
    const table = setFunctions(new LuaTable(), {
      log: this.logFunction,
      register_function: (...args) => {
        register(functionDeclaration(args));
        return [];
      },
    });
    setConstants(table, logLevels);
    setConstants(table, { REDIS_VERSION: this.host.version, REDIS_VERSION_NUM: this.host.versionNumber });
    protectGlobals(table);
    return table;
  }
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly callback: LuaFunction;
  readonly description: string | null;
  readonly flags: readonly string[];
}

export const functionFlags = ['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys'] as const;

function readFlags(value: LuaValue): string[] {
  if (!(value instanceof LuaTable)) {
    throw fail('ERR flags argument to redis.register_function must be a table representing function flags');
  }
  const flags: string[] = [];
  for (let at = 1; ; at++) {
    const flag = value.getNumber(at);
    if (flag === undefined) return flags;
    if (typeof flag !== 'string' || !(functionFlags as readonly string[]).includes(flag))
      throw fail('ERR unknown flag given');
    flags.push(flag);
  }
}

function namedDeclaration(fields: LuaValue): FunctionDeclaration {
  if (!(fields instanceof LuaTable)) {
    throw fail(
      'ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).',
    );
  }
  let name: string | null = null;
  let callback: LuaFunction | null = null;
  let description: string | null = null;
  let flags: string[] = [];
  for (let position = fields.after(0); position !== traversalEnd; position = fields.after(position)) {
    const given = fields.valueAt(position);
    // Where Lua wants a string a number will do.
    const value = typeof given === 'number' ? numberToString(given) : given;
    switch (fields.keyAt(position)) {
      case 'function_name':
        if (typeof value !== 'string')
          throw fail('ERR function_name argument given to redis.register_function must be a string');
        name = value;
        break;
      case 'description':
        if (typeof value !== 'string')
          throw fail('ERR description argument given to redis.register_function must be a string');
        description = value;
        break;
      case 'callback':
        if (!(value instanceof LuaFunction))
          throw fail('ERR callback argument given to redis.register_function must be a function');
        callback = value;
        break;
      case 'flags':
        flags = readFlags(value);
        break;
      default:
        throw fail('ERR unknown argument given to redis.register_function');
    }
  }
  if (name === null) throw fail('ERR redis.register_function must get a function name argument');
  if (callback === null) throw fail('ERR redis.register_function must get a callback argument');
  return { name, callback, description, flags };
}

function functionDeclaration(args: LuaValue[]): FunctionDeclaration {
  if (args.length < 1 || args.length > 2) throw fail('ERR wrong number of arguments to redis.register_function');
  const declaration = args.length === 1 ? namedDeclaration(args[0]) : positionalDeclaration(args[0], args[1]);
  if (!/^[a-zA-Z0-9_]+$/.test(declaration.name)) {
    throw fail(errors.libraryName);
  }
  return declaration;
}

function positionalDeclaration(given: LuaValue, callback: LuaValue): FunctionDeclaration {
  const name = typeof given === 'number' ? numberToString(given) : given;
  if (typeof name !== 'string') throw fail('ERR first argument to redis.register_function must be a string');
  if (!(callback instanceof LuaFunction))
    throw fail('ERR second argument to redis.register_function must be a function');
  return { name, callback, description: null, flags: [] };
}
