// The warm-up of the script compiler: it keeps out of the way of commands, and says when it is at work.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { warmUpCompiler } from './warm-up.js';
import type { Engine } from './lua/engine.js';
import { LuaTable } from './lua/values.js';

test('it works while the server is idle, pauses while it is not, and says so', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let commands = 0;
    let steps = 0;
    const told: boolean[] = [];
    const engine = { globals: new LuaTable() } as unknown as Engine;
    warmUpCompiler(
      () => {
        steps++;
        return engine;
      },
      () => commands,
      (is) => told.push(is),
    );
    assert.deepEqual(told, []);
    mock.timers.tick(8);
    assert.deepEqual(told, [true]);
    const idle = steps;
    commands += 1000;
    mock.timers.tick(8);
    assert.deepEqual([steps, ...told], [idle, true, false]);
    commands += 1000;
    mock.timers.tick(250);
    assert.deepEqual([steps, ...told], [idle, true, false]);
    mock.timers.tick(250);
    assert.deepEqual([steps, ...told], [idle + 1, true, false, true]);
    for (let step = 0; step < 500; step++) mock.timers.tick(8);
    assert.ok(steps > 100, `${steps} steps`);
    assert.deepEqual(told, [true, false, true, false]);
    const all = steps;
    mock.timers.tick(10_000);
    assert.equal(steps, all);
  } finally {
    mock.timers.reset();
  }
});
