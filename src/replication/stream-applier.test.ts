import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock, Timer } from '../io/clock.js';
import { encodeCommand } from '../client/encode-command.js';
import { Call } from '../registry/call.js';
import { StreamApplier, type StreamTarget } from './stream-applier.js';

/** A target whose every command takes a millisecond. */
class SlowTarget implements StreamTarget {
  readonly places = new Call<unknown, unknown, unknown>();
  readonly done: string[] = [];
  readonly refusals: (string | undefined)[] = [];
  readonly waiting = new Set<() => void>();
  appliedBytes = 0;
  mustWait = false;
  private nowMs = 0;
  readonly clock = {
    steadyMs: () => this.nowMs,
    soon: (run: () => void): Timer => {
      this.waiting.add(run);
      return { cancel: () => void this.waiting.delete(run) };
    },
  } as unknown as Clock;

  commandRan: (name: string) => void = () => undefined;
  /** What the clock showed when the turn began. */
  turnMs = -1;
  /** The longest time that a command ran behind the clock. */
  staleMs = 0;

  beginTurn(): void {
    this.turnMs = this.nowMs;
  }

  apply(): boolean {
    this.staleMs = Math.max(this.staleMs, this.nowMs - this.turnMs);
    this.nowMs++;
    const name = this.places.text(1);
    this.done.push(name);
    this.commandRan(name);
    return false;
  }

  applied(_bytes: Uint8Array, from: number, to: number): void {
    this.appliedBytes += to - from;
  }

  sliceApplied(refusal: string | undefined): void {
    this.refusals.push(refusal);
  }

  turn(): void {
    const runs = [...this.waiting];
    this.waiting.clear();
    for (const run of runs) run();
  }
}

const command = (number: number, bytes = 1): Uint8Array => encodeCommand(['SET', String(number), 'x'.repeat(bytes)]);
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const stream = (count: number, bytes = 1): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, index) => command(index, bytes)));

describe('the stream of a master', () => {
  it('is applied in slices, in order, whatever comes between them', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = stream(300);
    assert.equal(applier.push(bytes, bytes.length), undefined);
    assert.ok(target.done.length > 0 && target.done.length < 40, `${target.done.length} at once`);
    const more = command(300);
    applier.push(more, more.length);
    let turns = 0;
    for (; target.waiting.size > 0; turns++) {
      const before = target.done.length;
      target.turn();
      assert.ok(target.done.length - before < 40);
    }
    assert.ok(turns >= 7, `${turns} slices`);
    assert.deepEqual(target.done, numbers(301));
    assert.equal(target.appliedBytes, bytes.length + more.length);
    assert.equal(applier.pendingBytes, 0);
    assert.ok(target.staleMs < 40, `a command saw a time that was ${target.staleMs} commands old`);
  });

  it('wants no more bytes while much of it waits', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = stream(200, 20_000);
    applier.push(bytes, bytes.length);
    assert.equal(applier.isFull, true);
    while (target.waiting.size > 0) target.turn();
    assert.equal(applier.isFull, false);
    assert.equal(target.done.length, 200);
    assert.equal(
      target.refusals.every((refusal) => refusal === undefined),
      true,
    );
  });

  it('is applied whole at its end', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = stream(300);
    applier.push(bytes, bytes.length - 3);
    applier.finish();
    assert.deepEqual(target.done, numbers(299));
    assert.equal(applier.pendingBytes, 0);
    target.turn();
    assert.equal(target.done.length, 299);
  });

  it('ends with the command that ends it, which counts as applied', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    target.commandRan = (name) => {
      if (name === '7') applier.finish();
    };
    const bytes = stream(10);
    applier.push(bytes, bytes.length);
    while (target.waiting.size > 0) target.turn();
    assert.deepEqual(target.done, numbers(8));
    assert.equal(target.appliedBytes, stream(8).length);
    assert.equal(applier.pendingBytes, 0);
    // The next stream begins with the next command.
    const rest = bytes.subarray(stream(8).length);
    applier.push(rest, rest.length);
    assert.deepEqual(target.done, numbers(10));
  });

  it('takes its last bytes at once, unless a script is half done', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = stream(300);
    assert.equal(applier.pushLast(bytes, bytes.length - 2), true);
    assert.equal(target.done.length, 299);
    target.mustWait = true;
    assert.equal(applier.pushLast(bytes.subarray(bytes.length - 2), 2), false);
    assert.equal(target.done.length, 299);
    target.mustWait = false;
    applier.finish();
    assert.equal(target.done.length, 300);
    assert.equal(applier.pushLast(Buffer.from('*1\r\n+no\r\n'), 9), false);
  });

  it('keeps no memory of a large command', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const large = command(1, 40 << 20);
    applier.push(large, large.length - 1);
    applier.rest();
    assert.equal(applier.pendingBytes, large.length - 1);
    applier.push(large.subarray(large.length - 1), 1);
    assert.deepEqual(target.done, ['1']);
    assert.ok(applier.memoryBytes > 40 << 20);
    applier.rest();
    assert.equal(applier.memoryBytes, 0);
    const bytes = stream(3);
    applier.push(bytes, bytes.length);
    assert.equal(target.done.length, 4);
  });

  it('says in a later slice what is wrong with it', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = Buffer.concat([stream(100), Buffer.from('*1\r\n+no\r\n'), command(7)]);
    assert.equal(applier.push(bytes, bytes.length), undefined);
    while (target.waiting.size > 0) target.turn();
    assert.equal(target.done.length, 100);
    assert.match(String(target.refusals.at(-1)), /no command/);
  });

  it('is forgotten with what waits when another begins', () => {
    const target = new SlowTarget();
    const applier = new StreamApplier(target);
    const bytes = stream(300);
    applier.push(bytes, bytes.length);
    const before = target.done.length;
    applier.reset();
    target.turn();
    assert.equal(target.done.length, before);
    const other = command(5);
    applier.push(other, other.length);
    assert.equal(target.done.length, before + 1);
  });
});
