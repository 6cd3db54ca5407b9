// handshake.test: all interleavings of the engine's and a thread's steps, with the text of handshake itself.
//
// Faults are planted in that text, one at a time: the explorer must find an order in which both sleep and something is left to do.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ASLEEP, RUNNING, WAITING } from '../../src/io/threads/handshake.js';
import { asGenerators, bareText, explore, type Explored, type Program, type Step } from './interleavings.js';

const text = bareText(readFileSync(new URL('../../src/io/threads/handshake.js', import.meta.url), 'utf8'));

/** Everything that both sides see. */
interface Shared {
  engine: number[];
  thread: number[];
  requestHead: number;
  requestTail: number;
  replyHead: number;
  replyTail: number;
  engineBells: number;
  threadBells: number;
  /** The thread is in Atomics.wait. */
  isWaiting: boolean;
  /** Waits of the thread that may still end by their time. */
  timeouts: number;
}

interface World {
  /** Requests that come together, batch by batch. */
  readonly batches: readonly number[];
  /** Messages that the engine sends by itself. */
  readonly messages: number;
  readonly requestRoom: number;
  readonly replyRoom: number;
  readonly timeouts: number;
}

type Steps = Generator<readonly Step<Shared>[], never, never>;

/** One step that is always possible. */
function* step(name: string, run: (shared: Shared) => unknown): Steps {
  return (yield [{ name, run }]) as never;
}

/** Atomics over the arrays of the model, which are looked up by name: each run has a shared state of its own. */
const atomics = {
  *load(array: 'engine' | 'thread', at: number): Steps {
    return yield* step(`load ${array}`, (shared) => shared[array][at]);
  },
  *store(array: 'engine' | 'thread', at: number, value: number): Steps {
    return yield* step(`store ${array} ${value}`, (shared) => (shared[array][at] = value));
  },
  *compareExchange(array: 'engine' | 'thread', at: number, expected: number, value: number): Steps {
    return yield* step(`swap ${array} ${expected} ${value}`, (shared) => {
      const found = shared[array][at]!;
      if (found === expected) shared[array][at] = value;
      return found;
    });
  },
  *wait(array: 'engine' | 'thread', at: number, expected: number): Program<Shared> {
    const waits = yield* step('wait', (shared) => (shared.isWaiting = shared[array][at] === expected));
    if (!(waits as boolean)) return;
    yield [
      { name: 'woken', enabled: (shared) => !shared.isWaiting, run: () => undefined },
      {
        name: 'late',
        enabled: (shared) => shared.isWaiting && shared.timeouts > 0,
        run: (shared) => {
          shared.timeouts--;
          shared.isWaiting = false;
        },
      },
    ];
  },
};

type Name = 'visitRings' | 'letEngineSleep' | 'takeTurn' | 'waitForRoom' | 'claimWake';
type Code = ReturnType<typeof asGenerators<Name>>;

/** The engine's loop, with counts in the place of records. */
class Engine {
  readonly locals = { tail: 0, head: 0, published: 0, publishedTail: 0, spilled: 0, requests: 0, messages: 0 };

  constructor(
    private readonly code: Code,
    private readonly world: World,
  ) {
    this.locals.messages = world.messages;
  }

  private *room(): Program<Shared, number> {
    return (
      this.world.replyRoom - (this.locals.head - ((yield* step('reply tail', (shared) => shared.replyTail)) as number))
    );
  }

  private *reply(): Program<Shared> {
    if (this.locals.spilled === 0 && (yield* this.room()) > 0) this.locals.head++;
    else this.locals.spilled++;
  }

  private *publish(): Program<Shared> {
    const { locals } = this;
    if (locals.spilled > 0) {
      const count = Math.min(yield* this.room(), locals.spilled);
      locals.head += count;
      locals.spilled -= count;
    }
    if (locals.head === locals.published && locals.tail === locals.publishedTail) return;
    if (locals.head !== locals.published) yield* step('publish replies', (shared) => (shared.replyHead = locals.head));
    locals.published = locals.head;
    if (locals.tail !== locals.publishedTail)
      yield* step('publish tail', (shared) => (shared.requestTail = locals.tail));
    locals.publishedTail = locals.tail;
    const slept = (yield* this.code.claimWake('thread', 0)) as number;
    if (slept === WAITING) yield* step('notify', (shared) => void (shared.isWaiting = false));
    else if (slept === ASLEEP) yield* step('ring thread', (shared) => void shared.threadBells++);
  }

  *serve(): Program<Shared> {
    const { locals } = this;
    locals.requests = (yield* step('request head', (shared) => shared.requestHead)) as number;
    while (locals.tail < locals.requests) {
      locals.tail++;
      yield* this.reply();
    }
    yield* this.publish();
  }

  *hasWork(): Program<Shared, boolean> {
    if (((yield* step('look for requests', (shared) => shared.requestHead)) as number) !== this.locals.tail)
      return true;
    return this.locals.spilled > 0 && (yield* this.room()) > 0;
  }

  *needsRoom(): Program<Shared, boolean> {
    return this.locals.spilled > 0;
  }

  *program(): Program<Shared> {
    const { code, locals } = this;
    for (;;) {
      const event = (yield [
        {
          name: 'engine event',
          enabled: (shared) => shared.engineBells > 0,
          run: (shared) => ((shared.engineBells = 0), 'bell'),
        },
        { name: 'message', enabled: () => locals.messages > 0, run: () => 'message' },
      ]) as unknown;
      let again = event === 'bell';
      if (event === 'message') {
        locals.messages--;
        yield* this.reply();
        yield* this.publish();
        if (locals.spilled > 0) again = !((yield* code.letEngineSleep('engine', this)) as boolean);
      }
      while (again) again = (yield* code.visitRings('engine', this)) as boolean;
    }
  }
}

/** A thread's loop, in the same way. */
class Thread {
  readonly locals = { head: 0, published: 0, taken: 0, seen: 0, batch: 0, left: 0 };

  constructor(
    private readonly code: Code,
    private readonly world: World,
  ) {}

  *publish(): Program<Shared, boolean> {
    const { locals } = this;
    if (locals.head === locals.published) return false;
    locals.published = locals.head;
    yield* step('publish requests', (shared) => (shared.requestHead = locals.head));
    return true;
  }

  *takeReplies(): Program<Shared, boolean> {
    const { locals } = this;
    const replies = (yield* step('reply head', (shared) => shared.replyHead)) as number;
    if (replies === locals.taken) return false;
    locals.taken = replies;
    yield* step('publish reply tail', (shared) => (shared.replyTail = locals.taken));
    return true;
  }

  *hasReplies(): Program<Shared, boolean> {
    return ((yield* step('look for replies', (shared) => shared.replyHead)) as number) !== this.locals.taken;
  }

  *isServed(): Program<Shared, boolean> {
    return ((yield* step('is served', (shared) => shared.requestTail)) as number) === this.locals.head;
  }

  *hasServedMore(): Program<Shared, boolean> {
    const tail = (yield* step('has served more', (shared) => shared.requestTail)) as number;
    const moved = tail !== this.locals.seen;
    this.locals.seen = tail;
    return moved;
  }

  *startWaiting(): Program<Shared> {
    return undefined;
  }

  *waitMs(): Program<Shared, number> {
    if (this.world.timeouts === 0) return Infinity;
    return ((yield* step('time', (shared) => shared.timeouts)) as number) === this.world.timeouts ? 1 : 0;
  }

  *ringEngine(): Program<Shared> {
    yield* step('ring engine', (shared) => void shared.engineBells++);
  }

  *program(): Program<Shared> {
    const { code, locals, world } = this;
    for (;;) {
      const event = (yield [
        {
          name: 'thread event',
          enabled: (shared) => shared.threadBells > 0,
          run: (shared) => ((shared.threadBells = 0), 'bell'),
        },
        { name: 'sockets', enabled: () => locals.batch < world.batches.length, run: () => 'sockets' },
      ]) as unknown;
      if (event === 'sockets') {
        locals.left = world.batches[locals.batch++]!;
        yield* atomics.store('thread', 0, RUNNING);
      }
      while (locals.left > 0) {
        const tail = (yield* step('request tail', (shared) => shared.requestTail)) as number;
        if (locals.head - tail >= world.requestRoom) yield* code.waitForRoom('engine', 'thread', 0, this);
        else {
          locals.left--;
          locals.head++;
        }
      }
      while ((yield* code.takeTurn('engine', 'thread', 0, this)) as boolean) yield* atomics.store('thread', 0, RUNNING);
    }
  }
}

function run(world: World, changed = text): Explored {
  const code = asGenerators<Name>(
    changed,
    ['visitRings', 'letEngineSleep', 'takeTurn', 'waitForRoom', 'claimWake'],
    atomics,
  );
  const total = world.batches.reduce((sum, count) => sum + count, 0);
  const started = (side: Engine | Thread) => ({ locals: side.locals, program: side.program() });
  return explore<Shared>({
    makeShared: () => ({
      engine: [ASLEEP],
      thread: [ASLEEP],
      requestHead: 0,
      requestTail: 0,
      replyHead: 0,
      replyTail: 0,
      engineBells: 0,
      threadBells: 0,
      isWaiting: false,
      timeouts: world.timeouts,
    }),
    programs: [() => started(new Engine(code, world)), () => started(new Thread(code, world))],
    isDone: (shared) => shared.replyTail === total + world.messages && shared.requestTail === total,
  });
}

const worlds: Readonly<Record<string, World>> = {
  'two batches': { batches: [2, 1], messages: 0, requestRoom: 4, replyRoom: 4, timeouts: 0 },
  'a message that nobody asked for': { batches: [1, 1], messages: 1, requestRoom: 4, replyRoom: 4, timeouts: 0 },
  'a full ring of requests': { batches: [2], messages: 0, requestRoom: 1, replyRoom: 4, timeouts: 0 },
  'a full ring of replies': { batches: [2], messages: 1, requestRoom: 4, replyRoom: 1, timeouts: 0 },
  'two full rings': { batches: [3], messages: 0, requestRoom: 1, replyRoom: 1, timeouts: 0 },
  'waits that end by their time': { batches: [1, 1], messages: 0, requestRoom: 4, replyRoom: 4, timeouts: 1 },
};

/** Takes something out of the text, which must be there. */
function without(part: RegExp, instead: string): string {
  const changed = text.replace(part, instead);
  assert.ok(changed !== text, `the text has no ${part.source}`);
  return changed;
}

const faults: Readonly<Record<string, string>> = {
  'the engine does not look again before it sleeps': without(
    /if \(!side\.hasWork\(\)\)\s+return true;\s+return Atomics\.compareExchange\(states[^;]*;/,
    'return true;',
  ),
  'a thread does not look again before it sleeps': without(
    /if \(!side\.hasReplies\(\)\)\s+return true;\s+return Atomics\.compareExchange\(own[^;]*;/,
    'return true;',
  ),
  'a thread does not look again before it waits': without(
    /if \(!side\.hasReplies\(\) && !side\.hasServedMore\(\)\)/,
    '',
  ),
  'a thread does not look again before it waits for room': without(/if \(!side\.hasServedMore\(\)\)/, ''),
  'a thread does not tell of the room that it made': without(
    /if \(side\.takeReplies\(\) &&/,
    'if (side.takeReplies() && false &&',
  ),
  'a thread says too late that it sleeps': without(
    /Atomics\.store\(own, at, ASLEEP\);\s+if \(!side\.hasReplies\(\)\)\s+return true;/,
    'if (!side.hasReplies()) { Atomics.store(own, at, ASLEEP); return true; }',
  ),
  'the engine sleeps without a word about room': without(/side\.needsRoom\(\) \? ASLEEP_FOR_ROOM : ASLEEP/, 'ASLEEP'),
};

describe('handshake', () => {
  for (const [name, world] of Object.entries(worlds)) {
    test(`loses no wake-up in any order of steps: ${name}`, (t) => {
      const { states, ends, stuck } = run(world);
      t.diagnostic(`${states} states, ${ends} ends`);
      assert.equal(stuck, undefined, `both sleep after\n${stuck?.join('\n')}`);
      assert.ok(ends > 0);
    });
  }

  for (const [name, changed] of Object.entries(faults)) {
    test(`an order that stops both is found when ${name}`, () => {
      assert.ok(Object.values(worlds).some((world) => run(world, changed).stuck !== undefined));
    });
  }
});
