// Histograms against sorted values, logs that stay bounded, secrets that stay hidden.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { latin1, latin1Bytes } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import { Call } from '../../registry/call.js';
import { CommandLog, cutArguments } from './command-log.js';
import { LatencyHistogram } from './latency-histogram.js';
import { latencyGraph, LatencyMonitor, latencyReport } from './latency-monitor.js';
import { isSecret, shownArgument } from './secrets.js';

const seed = Number(process.env.SEED ?? 99);

function callOf(...words: string[]): Call {
  const call = new Call();
  call.setArguments(words.map(latin1Bytes));
  return call;
}

describe('latency histogram', () => {
  it('puts values where HdrHistogram puts them', () => {
    const histogram = new LatencyHistogram();
    for (const value of [2000, 182000, 1_002_000_000]) {
      const one = new LatencyHistogram();
      one.record(value);
      assert.equal(one.percentile(50), { 2000: 2007, 182000: 182271, 1002000000: 1_002_438_655 }[value]);
      histogram.record(value);
    }
    assert.deepEqual(histogram.cumulative(), [
      [2, 1],
      [264, 2],
      [1073741, 3],
    ]);
    assert.deepEqual(new LatencyHistogram().cumulative(), []);
  });

  it(`is never more than one percent off (seed ${seed})`, () => {
    const prng = new Prng(seed);
    const histogram = new LatencyHistogram();
    const values: number[] = [];
    for (let index = 0; index < 5000; index++) {
      const value = 1 + prng.below(10 ** (1 + prng.below(9)));
      values.push(value);
      histogram.record(value);
    }
    values.sort((a, b) => a - b);
    for (const percent of [1, 50, 90, 99, 99.9, 100]) {
      const exact = values[Math.max(0, Math.floor((percent / 100) * values.length + 0.5) - 1)]!;
      const shown = histogram.percentile(percent);
      assert.ok(shown >= exact && shown <= exact * 1.01 + 1, `${percent}: ${exact} is shown as ${shown}`);
    }
    assert.equal(histogram.cumulative().at(-1)![1], values.length);
  });

  it('bears what is no duration', () => {
    const histogram = new LatencyHistogram();
    for (const value of [0, -5, 1e15, 0.4]) histogram.record(value);
    assert.equal(histogram.count, 4);
  });
});

describe('command log', () => {
  it('keeps the newest, and cuts what is long', () => {
    const log = new CommandLog();
    for (let index = 0; index < 10; index++) log.add([latin1Bytes(`c${index}`)], index, 5, 'peer', '', 3);
    assert.deepEqual(
      log.latest(-1).map((entry) => entry.id),
      [9, 8, 7],
    );
    assert.equal(log.latest(2).length, 2);
    const many = cutArguments(40, (index) => latin1Bytes(String(index)));
    assert.equal(many.length, 32);
    assert.equal(latin1(many[31]!), '... (9 more arguments)');
    const long = cutArguments(1, () => new Uint8Array(200).fill(97));
    assert.equal(latin1(long[0]!), `${'a'.repeat(128)}... (72 more bytes)`);
  });
});

describe('secrets', () => {
  it('are the passwords of every command that takes some', () => {
    const sensitive = (name: string): boolean => name.toLowerCase() === 'requirepass';
    const shown = (fullName: string, ...words: string[]): string => {
      const call = callOf(...words);
      return words.map((_, index) => latin1(shownArgument(fullName, call, index, sensitive))).join(' ');
    };
    assert.equal(shown('auth', 'AUTH', 'u', 'p'), 'AUTH (redacted) (redacted)');
    assert.equal(
      shown('hello', 'HELLO', '3', 'AUTH', 'u', 'p', 'SETNAME', 'n'),
      'HELLO 3 AUTH (redacted) (redacted) SETNAME n',
    );
    assert.equal(shown('acl|setuser', 'ACL', 'SETUSER', 'u', '>p'), 'ACL SETUSER (redacted) (redacted)');
    assert.equal(
      shown('config|set', 'CONFIG', 'SET', 'hz', '1', 'RequirePass', 'p'),
      'CONFIG SET hz 1 RequirePass (redacted)',
    );
    assert.equal(
      shown('migrate', 'MIGRATE', 'h', '1', '', '0', '5', 'AUTH2', 'u', 'p', 'KEYS', 'auth', 'k'),
      'MIGRATE h 1  0 5 AUTH2 (redacted) (redacted) KEYS auth k',
    );
    assert.ok(!isSecret('get', callOf('GET', 'auth'), 1, sensitive));
  });
});

describe('latency monitor', () => {
  it('keeps one sample a second and the worst of all', () => {
    const monitor = new LatencyMonitor();
    monitor.add('command', 100, 10);
    monitor.add('command', 300, 10);
    monitor.add('command', 50, 12);
    const event = monitor.find('command')!;
    assert.deepEqual(event.samples, [
      { timeSeconds: 10, milliseconds: 300 },
      { timeSeconds: 12, milliseconds: 50 },
    ]);
    assert.equal(event.milliMax, 300);
    for (let second = 0; second < 1000; second++) monitor.add('command', 1, 100 + second);
    assert.equal(event.samples.length, 160);
    assert.equal(monitor.resetAll(), 1);
  });

  it('draws and explains', () => {
    const monitor = new LatencyMonitor();
    for (const [index, value] of [10, 200, 30, 400].entries()) monitor.add('command', value, index * 50);
    const graph = latencyGraph(monitor.find('command')!, 4000);
    assert.match(graph, /^command - high 400 ms, low 10 ms \(all time high 400 ms\)\n-{80}\n/);
    monitor.add('aof-write-alone', 7, 0);
    assert.match(
      latencyReport(monitor.all(), 5),
      /1\. command: 4 spikes[^]*2\. aof-write-alone: 1 spike;[^]*The disk is slow/,
    );
    assert.match(latencyReport([], 5), /No event/);
    assert.match(latencyReport([], 0), /latency-monitor-threshold/);
  });
});
