// stream-applier: the stream of a master: cuts it into commands and hands them on, one after the other.
//
// The applied stream is passed to replicas of this server byte for byte, up to the end of the last command that is complete.
// Within MULTI nothing counts as applied: after a cut the master sends the transaction again from its beginning.
//
// A stream is not a client: nothing is answered, a command that fails is logged and the stream goes on, and bytes that are no
// command end the link, because what follows them cannot be trusted.

import {
  COMPLETE,
  INCOMPLETE,
  MALFORMED,
  RequestReader,
  ResumePoint,
  type ArgumentPlaces,
} from '../protocol/request.js';

const KEEP_BYTES_MIN = 16 * 1024;
const REQUEST_BYTES_MAX = 1024 * 1024 * 1024;

export interface StreamTarget {
  readonly places: ArgumentPlaces;
  /** Runs the command in `places`; returns whether a transaction is open after it. */
  apply(): boolean;
  /** These bytes are whole commands that have been applied. */
  applied(bytes: Uint8Array, from: number, to: number): void;
  /** Nothing may be applied now (a script is half done): `proceed` goes on. */
  readonly mustWait: boolean;
}

export class StreamApplier {
  private kept: Uint8Array = new Uint8Array(0);
  private start = 0;
  private end = 0;
  /** Up to here commands were run, but an open transaction keeps them from counting as applied. */
  private position = 0;
  private resume: ResumePoint | null = null;
  private neededBytes = 0;
  private readonly reader = new RequestReader();

  constructor(private readonly target: StreamTarget) {}

  /** Bytes that came and were not applied. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  /** Takes bytes, void after the call; returns why the stream cannot go on, if it cannot. */
  push(bytes: Uint8Array, count: number): string | undefined {
    this.keep(bytes, count);
    return this.proceed();
  }

  proceed(): string | undefined {
    const { reader, target } = this;
    while (this.position < this.end && !target.mustWait) {
      if (this.end - this.position < this.neededBytes) break;
      const answer = reader.read(this.kept, this.position, this.end, target.places, this.resume, true);
      if (answer === INCOMPLETE) {
        this.neededBytes = reader.neededBytes;
        this.resume ??= new ResumePoint();
        if (this.pendingBytes > REQUEST_BYTES_MAX) return 'a command of the master is larger than a gigabyte';
        break;
      }
      this.neededBytes = 0;
      this.resume?.clear();
      if (answer === MALFORMED) return `the master sent what is no command: ${reader.error}`;
      this.position = reader.end;
      const isOpen = answer === COMPLETE && target.apply();
      if (isOpen) continue;
      target.applied(this.kept, this.start, this.position);
      this.start = this.position;
    }
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
      this.position = 0;
    }
    return undefined;
  }

  private keep(bytes: Uint8Array, count: number): void {
    const length = this.end - this.start;
    if (this.end + count > this.kept.length) {
      const wanted = Math.max(length + count, KEEP_BYTES_MIN);
      const target = wanted <= this.kept.length / 2 ? this.kept : new Uint8Array(wanted * 2);
      if (target === this.kept) this.kept.copyWithin(0, this.start, this.end);
      else target.set(this.kept.subarray(this.start, this.end));
      this.kept = target;
      this.position -= this.start;
      this.start = 0;
      this.end = length;
    }
    this.kept.set(bytes.subarray(0, count), this.end);
    this.end += count;
  }
}
