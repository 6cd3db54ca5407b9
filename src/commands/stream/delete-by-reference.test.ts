import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { StreamIndexes } from '../../structures/stream-index.js';
import { Local } from '../../../test/differential/side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

function integers(...values: number[]): string {
  return `*${values.length}\r\n${values.map((value) => `:${value}\r\n`).join('')}`;
}

/** A stream of three entries that two groups have read. */
function readByTwo(): Local {
  const local = new Local(1);
  for (const id of ['1-0', '2-0', '3-0']) local.run(['XADD', 's', id, 'f', 'v']);
  for (const group of ['g1', 'g2']) {
    local.run(['XGROUP', 'CREATE', 's', group, '0']);
    local.run(['XREADGROUP', 'GROUP', group, 'c', 'STREAMS', 's', '>']);
  }
  return local;
}

test('XDELEX deletes as told and says what became of each id', () => {
  const local = readByTwo();
  assert.equal(local.run(['XDELEX', 'none', 'IDS', '2', '1-0', '2-0']), integers(-1, -1));
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '2', '1-0', '9-0']), integers(2, -1));
  local.run(['XACK', 's', 'g1', '1-0']);
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '1-0', 'ACKED']), integers(2));
  local.run(['XACK', 's', 'g2', '1-0']);
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '1', '1-0']), integers(1));
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '2-0']), integers(1));
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:2\r\n/, 'what was deleted is still pending');
  assert.equal(local.run(['XDELEX', 's', 'DELREF', 'IDS', '2', '2-0', '3-0']), integers(-1, 1));
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:0\r\n/);
  assert.equal(local.run(['XLEN', 's']), ':0\r\n');
});

test('XDELEX ACKED deletes where there is no group that could want the entry', () => {
  const local = new Local(1);
  local.run(['XADD', 's', '1-0', 'f', 'v']);
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(1, -1));
  assert.equal(local.run(['XLEN', 's']), ':0\r\n');
});

test('XACKDEL acknowledges, and deletes when nobody else needs the entry', () => {
  const local = readByTwo();
  assert.equal(local.run(['XACKDEL', 's', 'nogroup', 'IDS', '1', '1-0']), integers(-1));
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(2, 2));
  assert.equal(local.run(['XACKDEL', 's', 'g2', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(1, 1));
  assert.equal(local.run(['XLEN', 's']), ':1\r\n');
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'DELREF', 'IDS', '1', '3-0']), integers(1));
  assert.equal(local.run(['XACKDEL', 's', 'g2', 'DELREF', 'IDS', '1', '3-0']), integers(-1));
  assert.match(local.run(['XPENDING', 's', 'g2']), /^\*4\r\n:0\r\n/);
});

test('malformed requests are refused before anything changes', () => {
  const local = readByTwo();
  const positive = '-ERR Number of IDs must be a positive integer\r\n';
  for (const count of ['abc', '0', '-5']) assert.equal(local.run(['XDELEX', 's', 'IDS', count, '1-0']), positive);
  assert.equal(
    local.run(['XDELEX', 's', 'IDS', '3', '1-0']),
    '-ERR The `numids` parameter must match the number of arguments\r\n',
  );
  const syntax = '-ERR syntax error\r\n';
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '1-0', '2-0']), syntax);
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'DELREF', 'ACKED', 'IDS', '1', '1-0']), syntax);
  assert.equal(
    local.run(['XACKDEL', 's', 'g1', 'KEEPREF', 'IDS', '1']),
    '-ERR The `numids` parameter must match the number of arguments\r\n',
  );
  assert.equal(
    local.run(['XDELEX', 's', 'IDS', '1', 'x']),
    '-ERR Invalid stream ID specified as stream command argument\r\n',
  );
  assert.equal(local.run(['XLEN', 's']), ':3\r\n');
});

test('XADD and XTRIM cut with an eye on the groups', () => {
  const local = readByTwo();
  local.run(['XACK', 's', 'g1', '1-0']);
  local.run(['XACK', 's', 'g2', '1-0']);
  assert.equal(local.run(['XTRIM', 's', 'MAXLEN', '=', '0', 'ACKED']), ':1\r\n');
  local.run(['XADD', 's', 'DELREF', 'MAXLEN', '1', '4-0', 'f', 'v']);
  assert.equal(local.run(['XLEN', 's']), ':1\r\n');
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:0\r\n/);
});

interface Group {
  last: number;
  /** Id -> consumer, '' for nobody. */
  readonly pending: Map<number, string>;
}

/** Runs random commands on a stream and on sets of ids, and compares the replies and what is left. */
class StreamModel {
  readonly local = new Local(1);
  readonly entries = new Set<number>();
  readonly groups = new Map<string, Group>();
  private top = 0;

  constructor(private readonly prng: Prng) {}

  add(count: number): void {
    for (let left = count; left > 0; left--) {
      this.entries.add(++this.top);
      this.local.run(['XADD', 's', `${this.top}-0`, 'f', 'v']);
    }
  }

  addGroup(name: string): void {
    this.groups.set(name, { last: 0, pending: new Map() });
    this.local.run(['XGROUP', 'CREATE', 's', name, '0']);
  }

  read(name: string, consumer: string, count: number): void {
    const group = this.groups.get(name)!;
    const fresh = [...this.entries].filter((id) => id > group.last).slice(0, count);
    this.local.run(['XREADGROUP', 'GROUP', name, consumer, 'COUNT', String(count), 'STREAMS', 's', '>']);
    for (const id of fresh) group.pending.set(id, consumer);
    group.last = fresh.at(-1) ?? group.last;
  }

  /** Gives messages back to nobody, so that the order of deliveries is kept from now on. */
  release(name: string): void {
    const { pending } = this.groups.get(name)!;
    const ids = [...pending.keys()].filter((id) => pending.get(id) !== '' && this.prng.below(4) === 0).slice(0, 20);
    if (ids.length === 0) return;
    this.local.run(['XNACK', 's', name, 'SILENT', 'IDS', String(ids.length), ...ids.map((id) => `${id}-0`)]);
    for (const id of ids) pending.set(id, '');
  }

  private isReferenced(id: number): boolean {
    return [...this.groups.values()].some((group) => id > group.last || group.pending.has(id));
  }

  private forget(id: number): boolean {
    let had = false;
    for (const { pending } of this.groups.values()) had = pending.delete(id) || had;
    return had;
  }

  delete(policy: string, ids: readonly number[], acknowledgedIn?: string): void {
    const pending = acknowledgedIn === undefined ? undefined : this.groups.get(acknowledgedIn)!.pending;
    const expected = ids.map((id) => {
      const acknowledged = pending === undefined || pending.delete(id);
      if (policy === 'DELREF') this.forget(id);
      if (!acknowledged) return -1;
      if (policy === 'ACKED' && this.entries.has(id) && this.isReferenced(id)) return 2;
      return this.entries.delete(id) || pending !== undefined ? 1 : -1;
    });
    const words = acknowledgedIn === undefined ? ['XDELEX', 's'] : ['XACKDEL', 's', acknowledgedIn];
    const reply = this.local.run([...words, policy, 'IDS', String(ids.length), ...ids.map((id) => `${id}-0`)]);
    assert.equal(reply, integers(...expected));
  }

  trim(policy: string, strategy: string, threshold: number): void {
    const words = ['s', strategy, String(threshold), policy];
    const sorted = [...this.entries];
    const isOver = (id: number): boolean => (strategy === 'MAXLEN' ? this.entries.size <= threshold : id >= threshold);
    let deleted = 0;
    let lowest = 0;
    for (const id of sorted) {
      if (isOver(id)) break;
      if (policy === 'ACKED' && this.isReferenced(id)) continue;
      lowest ||= id;
      this.entries.delete(id);
      deleted++;
    }
    // What is pending among the trimmed entries goes, also of entries that were deleted before.
    const next = [...this.entries][0] ?? Infinity;
    if (policy === 'DELREF' && deleted > 0)
      for (let id = lowest; id < Math.min(next, this.top + 1); id++) this.forget(id);
    assert.equal(this.local.run(['XTRIM', ...words]), `:${deleted}\r\n`);
  }

  acknowledge(name: string, ids: readonly number[]): void {
    const { pending } = this.groups.get(name)!;
    const count = ids.filter((id) => pending.delete(id)).length;
    assert.equal(this.local.run(['XACK', 's', name, ...ids.map((id) => `${id}-0`)]), `:${count}\r\n`);
  }

  someIds(): number[] {
    const { prng } = this;
    const from = prng.below(this.top);
    const ids = Array.from({ length: 1 + prng.below(prng.chance(30) ? 3 : 600) }, (_, at) => from + at + 1);
    const chosen = ids.filter(() => prng.chance(80));
    if (prng.chance(30)) chosen.reverse();
    if (prng.chance(30)) chosen.push(...chosen.slice(0, 3));
    return chosen.length === 0 ? [from + 1] : chosen;
  }

  compare(message: string): void {
    const { streams } = this.local.keyspace.values;
    const idsOf = (reply: string): number[] => [...reply.matchAll(/\r\n(\d+)-0\r\n/g)].map((found) => Number(found[1]));
    assert.deepEqual(idsOf(this.local.run(['XRANGE', 's', '-', '+'])), [...this.entries], message);
    for (const [name, { pending }] of this.groups) {
      const listed = idsOf(this.local.run(['XPENDING', 's', name, '-', '+', '1000000']));
      assert.deepEqual(
        listed,
        [...pending.keys()].sort((a, b) => a - b),
        `${message} ${name}`,
      );
    }
    const entry = this.local.keyspace.databases[0]!.look(latin1Bytes('s'), 0, 1);
    if (entry !== 0) streams.verify(this.local.keyspace.entries.word2(entry) as StreamRef);
  }
}

for (const groups of [1, 3, 40])
  test(`random deletions with an eye on ${groups} groups agree with sets of ids`, () => {
    for (let run = 0; run < 2; run++) {
      const prng = new Prng(seed * 100 + groups + run);
      const model = new StreamModel(prng);
      model.add(2000);
      const names = Array.from({ length: groups }, (_, index) => `g${index}`);
      for (const name of names) model.addGroup(name);
      for (let step = 0; step < 20; step++) {
        const message = `seed ${seed} run ${run} step ${step}`;
        for (let left = 1 + prng.below(groups); left > 0; left--)
          model.read(prng.pick(names), prng.pick(['c', 'd', 'e']), 1 + prng.below(2000));
        const policy = prng.pick(['KEEPREF', 'DELREF', 'ACKED']);
        const name = prng.pick(names);
        if (run % 2 === 1 && prng.chance(20)) model.release(name);
        const kind = prng.below(5);
        if (kind === 0) model.delete(policy, model.someIds());
        else if (kind === 1) model.delete(policy, model.someIds(), name);
        else if (kind === 2) for (const other of names) model.acknowledge(other, model.someIds());
        else if (kind === 3 && prng.chance(30)) model.trim(policy, 'MAXLEN', prng.below(2000));
        else if (kind === 3) model.trim(policy, 'MINID', prng.below(2000));
        else model.add(prng.below(100));
        model.compare(message);
      }
    }
  });

test('many ids cost no look into each of many groups', () => {
  const local = new Local(1);
  const entries = 2000;
  const groups = 200;
  for (let id = 1; id <= entries; id++) local.run(['XADD', 's', `${id}-0`, 'f', 'v']);
  for (let group = 0; group < groups; group++) {
    local.run(['XGROUP', 'CREATE', 's', `g${group}`, '0']);
    local.run(['XREADGROUP', 'GROUP', `g${group}`, 'c', 'COUNT', '2', 'STREAMS', 's', '>']);
    local.run(['XGROUP', 'SETID', 's', `g${group}`, '$']);
  }
  const ids = Array.from({ length: entries }, (_, index) => `${index + 1}-0`);
  const { indexes } = local.keyspace.values.streams;
  let looks = 0;
  for (const name of ['find', 'seek'] as const) {
    const own = StreamIndexes.prototype[name];
    indexes[name] = function (this: StreamIndexes, ...args) {
      looks++;
      return own.apply(this, args);
    };
  }
  for (const words of [
    ['XTRIM', 'c', 'MAXLEN', '0', 'ACKED'],
    ['XTRIM', 'c', 'MAXLEN', '0', 'DELREF'],
    ['XDELEX', 'c', 'ACKED', 'IDS', String(entries), ...ids],
    ['XDELEX', 'c', 'DELREF', 'IDS', String(entries), ...ids],
    ['XACKDEL', 'c', 'g0', 'ACKED', 'IDS', String(entries), ...ids],
    ['XACKDEL', 'c', 'g0', 'DELREF', 'IDS', String(entries), ...ids],
  ]) {
    local.run(['COPY', 's', 'c', 'REPLACE']);
    looks = 0;
    assert.match(local.run(words), /^[:*]/);
    // Each group has two ids pending: a few looks for each, one or two for each node, none for each id and group.
    assert.ok(looks < 20 * groups + entries, `${words.slice(0, 4).join(' ')}: ${looks} looks`);
  }
});
