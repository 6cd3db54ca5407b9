// merge: several replies become one: those of the parts of a split command, or of all servers.
//
// Values (MGET) keep the order of the keys, numbers add up, OK stays OK. The first error is the reply, as with twemproxy.

import { joinBytes, latin1, latin1Bytes } from '../../base/bytes.js';
import { COMPLETE } from '../../protocol/request.js';
import { ReplyScanner } from '../wire/reply-scanner.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { MergeKind } from './plan.js';

const ERROR = 45;
const scanner = new ReplyScanner();

/** Gets the merged reply. */
export interface MergeTarget {
  finishMerge(sequence: number, reply: Uint8Array, isError: boolean): void;
}

export class Merge implements ReplySink {
  private left: number;
  private error: string | undefined;
  private readonly replies: (Uint8Array | undefined)[];
  /** For 'values': which part each key is in; the keys of a part are in the order of the request. */
  partOfKey: Int32Array | undefined;

  constructor(
    private readonly target: MergeTarget,
    private readonly sequence: number,
    private readonly kind: MergeKind,
    partCount: number,
    /** An unexpected reply gives twemproxy's error. */
    private readonly hidesErrors: boolean,
  ) {
    this.left = partCount;
    this.replies = new Array<Uint8Array | undefined>(partCount).fill(undefined);
  }

  takeReply(tag: number, bytes: Uint8Array, from: number, to: number): void {
    if (bytes[from] === ERROR) {
      this.error ??= this.hidesErrors ? 'ERR Invalid argument' : latin1(bytes, from + 1, to - from - 3);
    } else {
      this.replies[tag] = bytes.slice(from, to);
    }
    this.finishPart();
  }

  takePart(): boolean {
    return false;
  }

  takeFailure(_tag: number, text: string): void {
    this.error ??= text;
    this.finishPart();
  }

  private finishPart(): void {
    if (--this.left > 0) return;
    const merged = this.error === undefined ? this.merged() : undefined;
    if (merged !== undefined) this.target.finishMerge(this.sequence, merged, false);
    else this.target.finishMerge(this.sequence, latin1Bytes(`-${this.error ?? 'ERR Invalid argument'}\r\n`), true);
  }

  private merged(): Uint8Array | undefined {
    const replies = this.replies as Uint8Array[];
    switch (this.kind) {
      case 'values':
        return this.mergedValues(replies);
      case 'sum':
        return this.ofNumbers(replies, (sum, value) => sum + value);
      case 'min':
        return this.ofNumbers(replies, (least, value) => Math.min(least, value));
      case 'and':
        return mergedAnd(replies);
      case 'concat':
        return mergedArrays(replies);
      case 'first':
        return replies.find((reply) => latin1(reply, 0, 2) !== '$-' && reply[0] !== 95) ?? replies[0];
      case 'ok':
        return this.hidesErrors && replies.some((reply) => reply[0] !== 43) ? undefined : replies[0];
      case 'one':
        return replies[0];
    }
  }

  private ofNumbers(replies: readonly Uint8Array[], combine: (a: number, b: number) => number): Uint8Array | undefined {
    let result: number | undefined;
    for (const reply of replies) {
      if (reply[0] !== 58) return undefined;
      const value = Number(latin1(reply, 1, reply.length - 3));
      result = result === undefined ? value : combine(result, value);
    }
    return latin1Bytes(`:${result}\r\n`);
  }

  private mergedValues(replies: readonly Uint8Array[]): Uint8Array | undefined {
    const places = this.partOfKey!;
    const cursors = new Int32Array(replies.length);
    let total = 0;
    for (let part = 0; part < replies.length; part++) {
      const reply = replies[part]!;
      if (reply[0] !== 42) return undefined;
      cursors[part] = reply.indexOf(10) + 1;
      total += reply.length;
    }
    const header = latin1Bytes(`*${places.length}\r\n`);
    const merged = new Uint8Array(header.length + total);
    merged.set(header);
    let at = header.length;
    for (let key = 0; key < places.length; key++) {
      const part = places[key]!;
      const reply = replies[part]!;
      const from = cursors[part]!;
      scanner.reset();
      if (scanner.scan(reply, from, reply.length) !== COMPLETE) return undefined;
      for (let index = from; index < scanner.end; index++) merged[at++] = reply[index]!;
      cursors[part] = scanner.end;
    }
    return merged.subarray(0, at);
  }
}

function elementCount(reply: Uint8Array): number {
  return Math.max(0, Number(latin1(reply, 1, reply.indexOf(13) - 1)));
}

function mergedArrays(replies: readonly Uint8Array[]): Uint8Array | undefined {
  let count = 0;
  for (const reply of replies) {
    if (reply[0] !== 42 && reply[0] !== 126) return undefined;
    count += elementCount(reply);
  }
  return joinBytes([latin1Bytes(`*${count}\r\n`), ...replies.map((reply) => reply.subarray(reply.indexOf(10) + 1))]);
}

/** SCRIPT EXISTS: an element is 1 if it is 1 everywhere. */
function mergedAnd(replies: readonly Uint8Array[]): Uint8Array | undefined {
  const lists = replies.map((reply) => latin1(reply).split('\r\n').slice(1, -1));
  const [first] = lists;
  if (first === undefined) return undefined;
  const values = first.map((_, index) => (lists.every((list) => list[index] === ':1') ? ':1' : ':0'));
  return latin1Bytes(`*${values.length}\r\n${values.map((value) => `${value}\r\n`).join('')}`);
}
