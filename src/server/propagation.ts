// propagation: the effects that the running command asks for: another command in its place, further ones, or none.
//
// A command sets them while it runs; when it has ended, the server passes the outcome to the effects, or drops it if
// nothing changed.

import type { Part } from '../commands/engine.js';
import type { Database } from '../keyspace/database.js';
import type { ServerCall } from './call.js';
import type { Effects } from './effects.js';

export class Propagation {
  private rewritten: Part[] | undefined;
  private also: (readonly Part[])[] = [];
  private prevented = false;

  constructor(private readonly effects: Effects) {}

  /** Takes the place of the command as it was called. */
  rewrite(args: readonly Part[]): void {
    this.rewritten = [...args];
  }

  /** Comes after the command or its replacement. */
  alsoPropagate(args: readonly Part[]): void {
    this.also.push(args);
  }

  prevent(): void {
    this.prevented = true;
  }

  /** Whether the command has said anything. @hot */
  get isPending(): boolean {
    return this.rewritten !== undefined || this.prevented || this.also.length > 0;
  }

  /** Passes the effects of the command on. */
  send(call: ServerCall): void {
    const { effects, also } = this;
    const { index } = call.db as Database;
    if (also.length > 0) effects.begin();
    if (this.rewritten !== undefined) effects.add(index, this.rewritten);
    else if (!this.prevented) effects.addCall(index, call);
    if (also.length > 0) {
      for (const args of also) effects.add(index, args);
      effects.end();
    }
    this.drop();
  }

  drop(): void {
    this.rewritten = undefined;
    this.prevented = false;
    this.also = [];
  }
}
