import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNodes, tagOfSlot } from '../../src/bench/cluster.js';

const asked = { host: '10.0.0.1', port: 7000 };

describe('parseNodes', () => {
  it('keeps the masters with their slots and leaves replicas and moving slots out', () => {
    const text = [
      'a1 :7000@17000 myself,master - 0 0 1 connected 0-2 5 [7->-b2] [8-<-b2]',
      'b2 10.0.0.2:7001@17001,host.example master - 0 0 2 connected 3-4',
      'c3 10.0.0.3:7002@17002 slave a1 0 0 1 connected',
      '',
    ].join('\n');
    const nodes = parseNodes(text, asked).map(({ id, address, slots }) => [id, address.host, address.port, ...slots]);
    assert.deepEqual(nodes, [
      ['a1', '10.0.0.1', 7000, 0, 1, 2, 5],
      ['b2', '10.0.0.2', 7001, 3, 4],
    ]);
  });

  it('refuses a line without flags', () => {
    assert.throws(() => parseNodes('nonsense\n', asked), /Invalid CLUSTER NODES reply/);
  });

  it('bounds a range that no cluster has', () => {
    const [node] = parseNodes('a1 :7000@17000 master - 0 0 1 connected 16000-999999999\n', asked);
    assert.equal(node!.slots.length, 384);
  });
});

describe('tagOfSlot', () => {
  it('has three bytes for every slot, all different', () => {
    const tags = Array.from({ length: 16384 }, (_, slot) => Buffer.from(tagOfSlot(slot)).toString('latin1'));
    assert.ok(tags.every((tag) => /^[0-9a-zA-Z]{3}$/.test(tag)));
    assert.equal(new Set(tags).size, 16384);
  });

  it('gives the tag that redis would hash to the slot', () => {
    // CLUSTER KEYSLOT 000 is 13923, and 000 is the first tag that is tried.
    assert.equal(Buffer.from(tagOfSlot(13923)).toString(), '000');
  });
});
