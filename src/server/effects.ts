// effects: changes of the data on their way to the AOF and the replicas.
//
// A command goes out as it was called unless it put another in its place. Effects that belong together (EXEC, a script,
// a command with several effects) are collected and go out between MULTI and EXEC, so that no reader ever sees half of
// them.
//
// Not here: the commands that replace others (propagation), the AOF's bytes (persistence/aof/log).

import { assert } from '../base/assert.js';
import { argumentsOf } from '../registry/call.js';
import type { Part } from '../commands/engine.js';
import type { ServerCall } from './call.js';

/** The database of a command that is the same in each: no SELECT stands before it. */
export const ANY_DATABASE = -1;

/** Bit of the replicas in `Effects.reach`; the AOF's is 1. */
export const REPLICAS = 2;

/** A receiver of effects. */
export interface EffectSink {
  /** Whether it wants any now. */
  readonly wants: boolean;
  /** Its bit in `Effects.reach`: 1 for the AOF, 2 for replicas. */
  readonly bit: 1 | 2;
  /** A command as places in a buffer, valid during the call only. */
  append(database: number, call: ServerCall): void;
  appendParts(database: number, parts: readonly Part[]): void;
}

interface Kept {
  readonly reach: number;
  readonly database: number;
  readonly parts: readonly Part[];
}

const MULTI: readonly Part[] = ['MULTI'];
const EXEC: readonly Part[] = ['EXEC'];

export class Effects {
  /** Somebody receives; renewed by `update`. */
  wanted = false;
  /** Nothing is passed on: the data set is being loaded. */
  muted = false;
  /** Bits of the sinks that get what is done now; scripts leave some out (redis.set_repl). */
  reach = 3;
  private depth = 0;
  private kept: Kept[] = [];
  private readonly sinks: EffectSink[] = [];

  attach(sink: EffectSink): void {
    this.sinks.push(sink);
    this.update();
  }

  /** The sink gets nothing more. */
  detach(sink: EffectSink): void {
    this.sinks.splice(this.sinks.indexOf(sink), 1);
    this.update();
  }

  /** A sink began or ended to want effects. */
  update(): void {
    this.wanted = !this.muted && this.sinks.some((sink) => sink.wants && (sink.bit & this.reach) !== 0);
  }

  /** Groups the effects until `end`. */
  begin(): void {
    this.depth++;
  }

  end(): void {
    assert(this.depth > 0, 'only effects that began together end together');
    if (--this.depth > 0 || this.kept.length === 0) return;
    const { kept } = this;
    this.kept = [];
    for (const sink of this.sinks) if (sink.wants) sendTogether(sink, kept);
  }

  /** A command as it was called. @hot */
  addCall(database: number, call: ServerCall): void {
    if (this.depth > 0) {
      this.kept.push({ database, parts: argumentsOf(call), reach: this.reach });
      return;
    }
    for (const sink of this.sinks) if (sink.wants && (sink.bit & this.reach) !== 0) sink.append(database, call);
  }

  add(database: number, parts: readonly Part[]): void {
    if (!this.wanted) return;
    if (this.depth > 0) this.kept.push({ database, parts, reach: this.reach });
    else this.send(database, parts);
  }

  /** As `add`, for only those sinks whose bits these are. */
  addFor(reach: number, database: number, parts: readonly Part[]): void {
    const outer = this.reach;
    this.reach = outer & reach;
    this.add(database, parts);
    this.reach = outer;
  }

  private send(database: number, parts: readonly Part[]): void {
    for (const sink of this.sinks) if (sink.wants && (sink.bit & this.reach) !== 0) sink.appendParts(database, parts);
  }
}

/** Passes on what belongs together, between MULTI and EXEC if it is more than one command. */
function sendTogether(sink: EffectSink, kept: readonly Kept[]): void {
  let count = 0;
  for (const { reach } of kept) if ((reach & sink.bit) !== 0) count++;
  if (count === 0) return;
  if (count > 1) sink.appendParts(ANY_DATABASE, MULTI);
  for (const { database, parts, reach } of kept) if ((reach & sink.bit) !== 0) sink.appendParts(database, parts);
  if (count > 1) sink.appendParts(ANY_DATABASE, EXEC);
}
