// call: one command being run: its arguments as bytes, and where its reply goes.
//
// One call object is used again and again. Each source of commands (a socket, MULTI, a script, the AOF, a master)
// sets the arguments as places in a buffer and runs it; the command cannot tell the difference. Nothing in it may be
// kept beyond the run: copy bytes that must live longer.

import { equalsWord, latin1, parseBigInteger, parseInteger } from '../base/bytes.js';
import { ReplyWriter } from '../protocol/reply.js';
import type { Command } from './command.js';

export class Call<Db = unknown, Host = unknown, Client = unknown> {
  /** Count of arguments, the command's name (and subcommand) included. */
  count = 0;
  /** Argument i is bytes[starts[i]] to bytes[starts[i] + lengths[i] - 1]. */
  bytes: Uint8Array = new Uint8Array(0);
  starts = new Int32Array(64);
  lengths = new Int32Array(64);
  reply = new ReplyWriter();
  command!: Command<never>;
  /** The database that the client selected. */
  db!: Db;
  host!: Host;
  client!: Client;
  /** Set in MULTI and scripts: a command that would block answers at once as if its time were over. */
  denyBlocking = false;

  /** Makes room for `count` arguments. */
  reserve(count: number): void {
    if (count <= this.starts.length) return;
    const size = Math.max(count, this.starts.length * 2);
    const starts = new Int32Array(size);
    const lengths = new Int32Array(size);
    starts.set(this.starts);
    lengths.set(this.lengths);
    this.starts = starts;
    this.lengths = lengths;
  }

  /** Whether argument `index` is this word (given in lower case), in any case. */
  is(index: number, word: string): boolean {
    return equalsWord(this.bytes, this.starts[index]!, this.lengths[index]!, word);
  }

  /** Argument as an integer of 64 bits, NaN when it is none; see parseInteger for values over 2^53. */
  integer(index: number): number {
    return parseInteger(this.bytes, this.starts[index]!, this.lengths[index]!);
  }

  bigInteger(index: number): bigint | undefined {
    return parseBigInteger(this.bytes, this.starts[index]!, this.lengths[index]!);
  }

  /** Argument as a one-byte string (binary-safe). Cold paths only. */
  text(index: number): string {
    return latin1(this.bytes, this.starts[index]!, this.lengths[index]!);
  }

  /** Argument as UTF-8 text, for messages. Cold paths only. */
  utf8(index: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.starts[index]!, this.lengths[index]!).toString(
      'utf8',
    );
  }

  /** Argument as error replies show it: one character for a byte, up to the first zero byte. Cold paths only. */
  shown(index: number): string {
    const text = this.text(index);
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  /** A copy of an argument. Cold paths only. */
  copy(index: number): Uint8Array {
    return this.bytes.slice(this.starts[index]!, this.starts[index]! + this.lengths[index]!);
  }

  /** Replies with an argument. @hot */
  replyArgument(index: number): void {
    this.reply.bulk(this.bytes, this.starts[index]!, this.lengths[index]!);
  }

  /** Sets the arguments from separate byte arrays, in a buffer of their own. Cold paths only. */
  setArguments(args: readonly Uint8Array[]): void {
    let total = 0;
    for (const arg of args) total += arg.length;
    const bytes = new Uint8Array(total);
    this.reserve(args.length);
    let at = 0;
    for (let index = 0; index < args.length; index++) {
      bytes.set(args[index]!, at);
      this.starts[index] = at;
      this.lengths[index] = args[index]!.length;
      at += args[index]!.length;
    }
    this.bytes = bytes;
    this.count = args.length;
  }
}

/** Copies of a call's arguments. */
export function argumentsOf(call: { count: number; copy(index: number): Uint8Array }): Uint8Array[] {
  const args: Uint8Array[] = [];
  for (let index = 0; index < call.count; index++) args.push(call.copy(index));
  return args;
}
