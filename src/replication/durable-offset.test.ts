import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DurableOffset } from './durable-offset.js';

describe('the offset up to which the AOF is on the disk', () => {
  it('goes on although there is always something that is not synced yet', () => {
    const durable = new DurableOffset();
    assert.equal(durable.update(100, 1000, 0), 0);
    assert.equal(durable.update(200, 2000, 100), 1000);
    assert.equal(durable.update(300, 3000, 150), 1000);
    assert.equal(durable.update(400, 4000, 350), 3000);
  });

  it('is the whole stream when the AOF is synced whole, also after commands that write nothing', () => {
    const durable = new DurableOffset();
    assert.equal(durable.update(100, 1000, 50), 0);
    assert.equal(durable.update(100, 1014, 50), 0);
    assert.equal(durable.update(100, 1028, 100), 1028);
    assert.equal(durable.update(100, 1042, 100), 1042);
  });

  it('is never ahead of what is synced, however often it is asked for', () => {
    const durable = new DurableOffset();
    for (let count = 1; count <= 5000; count++) {
      const reached = durable.update(count * 10, count * 100, count * 5);
      assert.ok(reached <= count * 50, `${reached} at ${count}`);
    }
    assert.ok(durable.update(50_000, 500_000, 49_999) > 0);
    assert.equal(durable.update(50_000, 500_000, 50_000), 500_000);
  });

  it('stays where it was until there is a base for the AOF', () => {
    const durable = new DurableOffset();
    assert.equal(durable.update(0, 1000, -1), 0);
    assert.equal(durable.update(100, 2000, -1), 0);
    assert.equal(durable.update(200, 3000, 100), 2000);
  });

  it('begins anew with another history', () => {
    const durable = new DurableOffset();
    durable.update(100, 1000, 100);
    durable.reset();
    assert.equal(durable.update(150, 7, 100), 0);
  });
});
