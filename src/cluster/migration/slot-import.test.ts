import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectEvents } from '../../io/network.js';
import { VirtualClock } from '../../io/virtual-clock.js';
import { noWire } from '../../io/wire.js';
import { SlotImport } from './slot-import.js';
import { SlotMove } from './slot-move.js';
import type { MovesOwner } from './slot-moves-owner.js';

test('orders about the pace are sent to a source only when it listens to them', () => {
  const clock = new VirtualClock();
  const sent: string[] = [];
  let source: ConnectEvents | undefined;
  const owner: Partial<MovesOwner> = {
    clock,
    myId: 'b'.repeat(40),
    server: { internalClient: () => ({}), config: { text: () => ({ value: '' }) } } as unknown as MovesOwner['server'],
    keysInSlot: () => 0,
    stage: () => undefined,
    dropStaged: () => undefined,
    dial: (_, events) => {
      source = events;
      return {
        ...noWire,
        write: (bytes) => {
          sent.push(
            Buffer.from(bytes)
              .toString()
              .replaceAll(/\r\n(\$\d+\r\n)?/g, ' '),
          );
          return true;
        },
      };
    },
  };
  const ranges = [{ first: 5, last: 6 }];
  const move = new SlotMove(clock, 'a'.repeat(40), true, ranges, 'c'.repeat(40), 'b'.repeat(40), true, 'clearing');
  const made = new SlotImport(owner as MovesOwner, move);
  const pause = { kind: 'pause' } as const;
  made.start();
  assert.ok(source);
  // The connection does not stand yet, and then the source has not agreed.
  made.order(pause);
  made.order({ kind: 'limit', bytesPerSecond: 1000 });
  assert.deepEqual(sent, []);
  source.onOpen();
  made.order(pause);
  assert.equal(sent.length, 1);
  assert.match(sent[0]!, / SYNC /);
  source.onData(Buffer.from('+OK\r\n'), 5);
  assert.match(sent[1]!, / PACE LIMIT 1000 /);
  assert.match(sent[2]!, / PACE PAUSE /);
  made.order({ kind: 'resume' });
  assert.match(sent[3]!, / PACE RESUME /);
});
