import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1 } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import { EventClass } from '../../keyspace/events.js';
import { FieldExpireCycle } from './expire-cycle.js';
import { hashCommands } from './index.js';
import { RecordingEngine, START_MS } from './recording-engine.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

/** Runs a test on a hash in each encoding. */
function inEachEncoding(name: string, body: (bench: RecordingEngine) => void): void {
  for (const entries of [512, 0]) {
    test(`${name} (${entries === 0 ? 'hashtable' : 'listpackex'})`, () => {
      const bench = new RecordingEngine(hashCommands, seed);
      bench.limits.hashMaxListpackEntries = entries;
      body(bench);
      bench.keyspace.verify();
    });
  }
}

inEachEncoding('a field past its time is deleted by the command that meets it', (bench) => {
  bench.run('HSET h a 1 b 2 c 3');
  assert.equal(bench.run('HPEXPIRE h 100 FIELDS 2 a b'), '*2 :1 :1');
  bench.effects();
  bench.keyspace.nowMs += 100;
  assert.equal(bench.run('HGET h a'), '$1 1');
  bench.keyspace.nowMs += 1;
  assert.equal(bench.run('HLEN h'), ':3');
  assert.equal(bench.run('HVALS h'), '*1 $1 3');
  assert.equal(bench.run('HSCAN h 0'), '*2 $1 0 *2 $1 c $1 3');
  assert.equal(bench.run('HTTL h FIELDS 2 a c'), '*2 :-2 :-1');
  assert.equal(bench.run('HGET h a'), '$-1');
  assert.equal(bench.run('HLEN h'), ':2');
  assert.deepEqual(bench.effects(), { events: ['hexpired h'], propagated: ['HDEL h a'] });
  assert.equal(bench.run('HMGET h b c'), '*2 $-1 $1 3');
  assert.deepEqual(bench.effects(), { events: ['hexpired h'], propagated: ['HDEL h b'] });
  assert.equal(bench.keyspace.databases[0]!.fieldExpiries.count, 0);
});

inEachEncoding('HMGET tells of all fields that it deletes at once', (bench) => {
  bench.run('HSET h a 1 b 2');
  bench.run('HPEXPIRE h 10 FIELDS 2 a b');
  bench.keyspace.nowMs += 11;
  bench.effects();
  assert.equal(bench.run('HMGET h a x b'), '*3 $-1 $-1 $-1');
  assert.deepEqual(bench.effects(), { events: ['hexpired h', 'del h'], propagated: ['HDEL h a', 'HDEL h b'] });
});

inEachEncoding('the hash goes with its last field, and a new one takes its place', (bench) => {
  bench.run('HSET h n 5');
  bench.run('HPEXPIRE h 10 FIELDS 1 n');
  bench.keyspace.nowMs += 11;
  bench.effects();
  assert.equal(bench.run('HINCRBY h n 3'), ':3');
  assert.deepEqual(bench.effects(), {
    events: ['hexpired h', 'del h', 'hincrby h'],
    propagated: ['HDEL h n', 'HINCRBY h n 3'],
  });
  assert.equal(bench.run('HTTL h FIELDS 1 n'), '*1 :-1');
  bench.run('HPEXPIRE h 10 FIELDS 1 n');
  bench.keyspace.nowMs += 11;
  bench.effects();
  assert.equal(bench.run('HGET h n'), '$-1');
  assert.deepEqual(bench.effects(), { events: ['hexpired h', 'del h'], propagated: ['HDEL h n'] });
  assert.equal(bench.keyspace.databases[0]!.size, 0);
});

inEachEncoding('increments keep the time, HSET takes it away', (bench) => {
  bench.run('HSET h n 5 m 1.5');
  bench.run('HPEXPIRE h 5000 FIELDS 2 n m');
  bench.effects();
  assert.equal(bench.run('HINCRBY h n 1'), ':6');
  assert.equal(bench.run('HINCRBYFLOAT h m 1'), '$3 2.5');
  assert.equal(bench.run('HPTTL h FIELDS 2 n m'), '*2 :5000 :5000');
  assert.deepEqual(bench.effects().propagated, ['HINCRBY h n 1', 'HSETEX h KEEPTTL FIELDS 1 m 2.5']);
  bench.run('HSET h n 7');
  assert.equal(bench.run('HPTTL h FIELDS 2 n m'), '*2 :-1 :5000');
});

inEachEncoding('a time in the past deletes', (bench) => {
  bench.run('HSET h a 1 b 2');
  bench.effects();
  assert.equal(bench.run('HPEXPIREAT h 1 FIELDS 2 a x'), '*2 :2 :-2');
  assert.deepEqual(bench.effects(), { events: ['hdel h'], propagated: ['HDEL h a'] });
  assert.equal(bench.run('HEXPIRE h 0 FIELDS 1 b'), '*1 :2');
  assert.deepEqual(bench.effects(), { events: ['hdel h', 'del h'], propagated: ['HDEL h b'] });
  assert.equal(bench.keyspace.databases[0]!.size, 0);
});

inEachEncoding('conditions compare with the time that a field has', (bench) => {
  bench.run('HSET h a 1 b 2');
  bench.run('HPEXPIRE h 1000 FIELDS 1 a');
  bench.effects();
  assert.equal(bench.run('HPEXPIRE h 2000 NX FIELDS 2 a b'), '*2 :0 :1');
  assert.deepEqual(bench.effects(), {
    events: ['hexpire h'],
    propagated: [`HPEXPIREAT h ${START_MS + 2000} NX FIELDS 1 b`],
  });
  assert.equal(bench.run('HPEXPIRE h 1500 GT FIELDS 2 a b'), '*2 :1 :0');
  assert.equal(bench.run('HPEXPIRE h 1800 LT FIELDS 2 a b'), '*2 :0 :1');
  assert.equal(bench.run('HPERSIST h FIELDS 3 a a z'), '*3 :1 :-1 :-2');
  assert.equal(bench.run('HPEXPIRE h 5 XX FIELDS 2 a b'), '*2 :0 :1');
  assert.equal(bench.run('HPEXPIRE h 5 GT FIELDS 1 a'), '*1 :0');
  assert.equal(bench.run('HPEXPIRE h 5 LT FIELDS 1 a'), '*1 :1');
});

inEachEncoding('HGETDEL returns and deletes', (bench) => {
  bench.run('HSET h a 1 b 2 c 3');
  bench.run('HPEXPIRE h 10 FIELDS 1 c');
  bench.effects();
  assert.equal(bench.run('HGETDEL h FIELDS 3 a x a'), '*3 $1 1 $-1 $-1');
  assert.deepEqual(bench.effects(), { events: ['hdel h'], propagated: ['HDEL h a'] });
  bench.keyspace.nowMs += 20;
  assert.equal(bench.run('HGETDEL h FIELDS 2 b c'), '*2 $1 2 $-1');
  assert.equal(bench.keyspace.databases[0]!.size, 0);
  assert.deepEqual(bench.effects().propagated, ['HDEL h c', 'HDEL h b']);
  assert.equal(bench.run('HGETDEL h FIELDS 1 a'), '*1 $-1');
  assert.match(bench.run('HGETDEL h FIELDS 2 a'), /^-ERR The `numfields` parameter must match/);
  assert.match(bench.run('HGETDEL h FIELDS 0 a'), /^-ERR Number of fields must be a positive integer/);
  assert.match(bench.run('HGETDEL h FIELD 1 a'), /^-ERR Mandatory argument FIELDS is missing/);
});

inEachEncoding('HGETEX returns and sets the time', (bench) => {
  bench.run('HSET h a 1 b 2');
  bench.effects();
  assert.equal(bench.run('HGETEX h FIELDS 2 a x'), '*2 $1 1 $-1');
  assert.deepEqual(bench.effects(), { events: [], propagated: [] });
  assert.equal(bench.run('HGETEX h EX 10 FIELDS 2 a x'), '*2 $1 1 $-1');
  assert.deepEqual(bench.effects(), {
    events: ['hexpire h'],
    propagated: [`HPEXPIREAT h ${START_MS + 10000} FIELDS 1 a`],
  });
  assert.equal(bench.run('HGETEX h PERSIST FIELDS 2 a b'), '*2 $1 1 $1 2');
  assert.deepEqual(bench.effects(), { events: ['hpersist h'], propagated: ['HPERSIST h FIELDS 1 a'] });
  assert.equal(bench.run('HGETEX h PXAT 1 FIELDS 2 a b'), '*2 $1 1 $1 2');
  assert.deepEqual(bench.effects(), { events: ['hdel h', 'del h'], propagated: ['HDEL h a b'] });
  assert.equal(bench.run('HGETEX h EX x FIELDS 1 a'), '-ERR value is not an integer or out of range');
  assert.equal(bench.run('HGETEX h EX -1 FIELDS 1 a'), '-ERR invalid expire time, must be >= 0');
  assert.equal(bench.run('HGETEX h EX 99999999999999 FIELDS 1 a'), "-ERR invalid expire time in 'hgetex' command");
});

inEachEncoding('HSETEX sets all fields or none', (bench) => {
  assert.equal(bench.run('HSETEX h FXX FIELDS 1 a 1'), ':0');
  assert.equal(bench.run('HSETEX h FNX PX 500 FIELDS 2 a 1 b 2'), ':1');
  assert.deepEqual(bench.effects(), {
    events: ['hset h', 'hexpire h'],
    propagated: [`HSETEX h PXAT ${START_MS + 500} FIELDS 2 a 1 b 2`],
  });
  assert.equal(bench.run('HSETEX h FNX FIELDS 2 c 1 b 2'), ':0');
  assert.equal(bench.run('HSETEX h FXX KEEPTTL FIELDS 1 a 9'), ':1');
  assert.equal(bench.run('HPTTL h FIELDS 2 a b'), '*2 :500 :500');
  assert.equal(bench.run('HSETEX h FIELDS 1 a 8'), ':1');
  assert.equal(bench.run('HPTTL h FIELDS 2 a b'), '*2 :-1 :500');
  bench.keyspace.nowMs += 600;
  bench.effects();
  assert.equal(bench.run('HSETEX h FNX FIELDS 1 b 3'), ':1');
  assert.deepEqual(bench.effects(), {
    events: ['hexpired h', 'hset h'],
    propagated: ['HDEL h b', 'HSETEX h FIELDS 1 b 3'],
  });
  assert.equal(bench.run('HSETEX h EXAT 1 FIELDS 2 a 1 z 1'), ':1');
  assert.equal(bench.run('HGETALL h'), '*2 $1 b $1 3');
  for (const [line, reply] of [
    ['HSETEX h FNX FXX FIELDS 1 a 1', '-ERR Only one of FXX or FNX arguments can be specified'],
    ['HSETEX h EX 1 KEEPTTL FIELDS 1 a 1', '-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified'],
    ['HSETEX h WHAT FIELDS 1 a 1', '-ERR unknown argument: WHAT'],
    ['HSETEX h FIELDS x a 1', '-ERR invalid number of fields'],
    ['HSETEX h FIELDS 2 a 1', "-ERR wrong number of arguments for 'hsetex' command"],
    ['HSETEX h FIELDS 1 a 1 b', "-ERR wrong number of arguments for 'hsetex' command"],
  ] as const)
    assert.equal(bench.run(line), reply);
});

inEachEncoding('HRANDFIELD draws none that is past its time', (bench) => {
  bench.run('HSET h a 1 b 2 c 3');
  bench.run('HPEXPIRE h 10 FIELDS 2 a b');
  bench.keyspace.nowMs += 11;
  bench.effects();
  assert.equal(bench.run('HRANDFIELD h 5 WITHVALUES'), '*2 $1 c $1 3');
  assert.deepEqual(bench.effects().events, ['hexpired h']);
  bench.run('HPEXPIRE h 10 FIELDS 1 c');
  bench.keyspace.nowMs += 11;
  assert.equal(bench.run('HRANDFIELD h'), '$-1');
  assert.equal(bench.keyspace.databases[0]!.size, 0);
});

inEachEncoding('the fields that have expired are told with their event, all of a command together', (bench) => {
  const { keyspace } = bench;
  keyspace.notifyMask |= EventClass.SUBKEYSPACE;
  keyspace.listener!.notifyFields = (event, _database, key, offset, length, fields) =>
    void bench.events.push(
      `${event} ${latin1(key, offset, length)}: ${fields.map((field) => latin1(field)).join(' ')}`,
    );
  const due = (...fields: string[]): void => {
    bench.run(`HSET h stays 1 ${fields.map((field) => `${field} 1`).join(' ')}`);
    bench.run(`HPEXPIRE h 10 FIELDS ${fields.length} ${fields.join(' ')}`);
    keyspace.nowMs += 11;
    bench.effects();
  };
  due('a');
  bench.run('HGET h a');
  assert.deepEqual(bench.effects().events, ['hexpired h', 'hexpired h: a']);
  due('a', 'b');
  bench.run('HMGET h b stays a');
  assert.deepEqual(bench.effects().events, ['hexpired h', 'hexpired h: b a']);
  due('a', 'b');
  bench.run('HDEL h a b none');
  assert.deepEqual(bench.effects().events, ['hexpired h', 'hexpired h: a b']);
  due('a');
  bench.run('HSET h a 2');
  assert.deepEqual(bench.effects().events, ['hexpired h', 'hexpired h: a', 'hset h', 'hset h: a']);
  due('a', 'b');
  bench.run('HRANDFIELD h');
  const drawn = bench.effects().events;
  assert.deepEqual([drawn[0], drawn[1]!.split(' ').slice(2).sort()], ['hexpired h', ['a', 'b']]);
  due('a');
  assert.equal(
    new FieldExpireCycle(keyspace, () => undefined).run(() => false),
    1,
  );
  assert.deepEqual(bench.effects().events, ['hexpired h', 'hexpired h: a']);
});

inEachEncoding('where deleting is not ours, fields are hidden or not', (bench) => {
  bench.run('HSET h a 1 b 2');
  bench.run('HPEXPIRE h 10 FIELDS 1 a');
  bench.keyspace.nowMs += 11;
  bench.keyspace.expiryPaused = true;
  assert.equal(bench.run('HGET h a'), '$1 1');
  assert.match(bench.run('HVALS h'), /^\*2 (\$1 1 \$1 2|\$1 2 \$1 1)$/);
  bench.keyspace.hidesExpired = true;
  assert.equal(bench.run('HGET h a'), '$-1');
  assert.equal(bench.run('HVALS h'), '*1 $1 2');
  assert.equal(bench.run('HLEN h'), ':2');
});

inEachEncoding('the cycle finds what is due', (bench) => {
  const prng = new Prng(seed);
  const cycle = new FieldExpireCycle(bench.keyspace, (_database, args) => bench.take(args));
  const due = new Map<string, number>();
  for (let index = 0; index < 300; index++) {
    const name = `h${prng.below(40)} f${prng.below(60)}`;
    const ms = 1 + prng.below(2000);
    const [key, field] = name.split(' ');
    bench.run(`HSET ${key} ${field} v`);
    bench.run(`HPEXPIRE ${key} ${ms} FIELDS 1 ${field}`);
    due.set(name, START_MS + ms);
    if (prng.chance(20)) {
      bench.run(`HDEL ${key} ${field}`);
      due.delete(name);
    }
  }
  bench.effects();
  const deleted = new Set<string>();
  while (due.size > 0) {
    bench.keyspace.nowMs += 1 + prng.below(300);
    const count = cycle.run(() => false);
    const gone = bench.effects().propagated.flatMap((line) =>
      line
        .split(' ')
        .slice(2)
        .map((field) => `${line.split(' ')[1]} ${field}`),
    );
    assert.equal(gone.length, count);
    for (const name of gone) {
      assert.ok(due.get(name)! < bench.keyspace.nowMs && !deleted.has(name));
      due.delete(name);
    }
    for (const [name, ms] of due) assert.ok(ms >= bench.keyspace.nowMs, `${name} is not due`);
    bench.keyspace.verify();
  }
  assert.equal(bench.keyspace.databases[0]!.size, 0);
  assert.equal(bench.keyspace.databases[0]!.fieldExpiries.count, 0);
});
