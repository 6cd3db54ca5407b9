// The queue of scripts with a clock that the test moves: how many run, how long, and when they run again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptQueue, type Spawn } from './scripts.js';
import { defaultTiming } from './timing.js';

interface Child {
  readonly argv: readonly string[];
  isKilled: boolean;
  end(exitCode: number, signal?: number): void;
}

class Stage {
  nowMs = 1_000_000;
  readonly events: string[] = [];
  readonly children: Child[] = [];
  canSpawn = true;
  readonly queue: ScriptQueue;

  constructor() {
    const spawn: Spawn = (path, args, ended) => {
      if (!this.canSpawn) return undefined;
      const child: Child = { argv: [path, ...args], isKilled: false, end: (code, signal = 0) => ended(code, signal) };
      this.children.push(child);
      return { pid: this.children.length, kill: () => (child.isKilled = true) };
    };
    this.queue = new ScriptQueue(
      spawn,
      { ...defaultTiming },
      (_level, type, text) => void this.events.push(`${type} ${text}`),
      () => this.nowMs,
    );
  }

  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 100;
      this.queue.tick();
    }
  }

  get last(): Child {
    return this.children.at(-1)!;
  }
}

test('at most 16 scripts run at a time, in the order in which they came', () => {
  const stage = new Stage();
  for (let index = 0; index < 20; index++) stage.queue.add('script', [String(index)]);
  stage.pass(100);
  assert.equal(stage.children.length, 16);
  assert.equal(stage.queue.running, 16);
  stage.pass(1000);
  assert.equal(stage.children.length, 16);
  stage.children[3]!.end(0);
  stage.pass(100);
  assert.deepEqual(stage.last.argv, ['script', '16']);
  for (const child of [...stage.children]) child.end(0);
  stage.pass(100);
  assert.equal(stage.children.length, 20);
});

test('256 scripts are kept; the oldest that does not run goes for one more', () => {
  const stage = new Stage();
  for (let index = 0; index < 16; index++) stage.queue.add('script', [String(index)]);
  stage.pass(100);
  for (let index = 16; index < 300; index++) stage.queue.add('script', [String(index)]);
  assert.equal(stage.queue.pending.length, 256);
  assert.deepEqual(
    stage.queue.pending.slice(0, 17).map(({ argv }) => argv[1]),
    [...Array.from({ length: 16 }, (_, index) => String(index)), '60'],
  );
});

test('exit code 1 means again: after 30 s, 60 s, 120 s and so on, ten times in all', () => {
  const stage = new Stage();
  stage.queue.add('script', []);
  stage.pass(100);
  for (let tries = 1; tries < 10; tries++) {
    assert.equal(stage.children.length, tries);
    stage.last.end(1);
    const delayMs = 30_000 * 2 ** (tries - 1);
    stage.pass(delayMs - 200);
    assert.equal(stage.children.length, tries, `not before ${delayMs} ms`);
    stage.pass(400);
  }
  assert.equal(stage.children.length, 10);
  assert.equal(stage.events.filter((event) => event.startsWith('-script-error')).length, 0);
  stage.last.end(1);
  assert.ok(stage.events.includes('-script-error script 0 1'));
  stage.pass(1_000_000);
  assert.equal(stage.children.length, 10);
  assert.equal(stage.queue.pending.length, 0);
});

test('exit code 2 and more means failed, and is told', () => {
  const stage = new Stage();
  stage.queue.add('script', []);
  stage.pass(100);
  stage.last.end(2);
  assert.deepEqual(stage.events.slice(-2), ['-script-child 1 2 0', '-script-error script 0 2']);
  stage.pass(100_000);
  assert.equal(stage.children.length, 1);
});

test('a script that runs for 60 s is killed, and tried again as after any signal', () => {
  const stage = new Stage();
  stage.queue.add('script', []);
  stage.pass(60_000);
  assert.equal(stage.last.isKilled, false);
  stage.pass(300);
  assert.equal(stage.last.isKilled, true);
  assert.equal(stage.events.filter((event) => event === '-script-timeout script 1').length, 1);
  stage.pass(5000);
  assert.equal(stage.events.filter((event) => event.startsWith('-script-timeout')).length, 1, 'told once');
  stage.last.end(0, 9);
  stage.pass(29_000);
  assert.equal(stage.children.length, 1);
  stage.pass(2000);
  assert.equal(stage.children.length, 2);
});

test('a machine that can make no process is asked again', () => {
  const stage = new Stage();
  stage.canSpawn = false;
  stage.queue.add('script', []);
  stage.pass(1000);
  assert.deepEqual(stage.events, ['-script-error script 99 0']);
  stage.canSpawn = true;
  stage.pass(30_000);
  assert.equal(stage.children.length, 1);
});

test('the end of the sentinel starts nothing more and kills nothing', () => {
  const stage = new Stage();
  for (let index = 0; index < 17; index++) stage.queue.add('script', []);
  stage.pass(100);
  stage.queue.stop();
  stage.pass(1000);
  assert.equal(stage.children.length, 16);
  assert.ok(stage.children.every(({ isKilled }) => !isKilled));
});
