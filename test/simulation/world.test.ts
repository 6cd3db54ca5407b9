import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import type { Wire, WireEvents } from '../../src/io/wire.js';
import { EventQueue } from '../../src/simulation/event-queue.js';
import { Host } from '../../src/simulation/host.js';
import { SimulatedNetwork } from '../../src/simulation/network.js';
import { World } from '../../src/simulation/world.js';

interface Side extends WireEvents {
  text: string;
  ended: string | undefined;
}

function side(): Side {
  return {
    text: '',
    ended: undefined,
    onData(bytes, count) {
      this.text += Buffer.from(bytes.subarray(0, count)).toString('latin1');
    },
    onDrain: () => undefined,
    onEnd() {
      this.ended = 'end';
    },
    onClose(error) {
      this.ended = error === undefined ? 'closed' : String((error as NodeJS.ErrnoException).code);
    },
  };
}

/** Two hosts, the second of which listens on port 1; `accepted` is its end of the last connection. */
async function pair(seed = 1): Promise<{
  world: World;
  net: SimulatedNetwork;
  a: Host;
  b: Host;
  accepted: () => { wire: Wire; side: Side };
  connect: () => { wire: Wire; side: Side; isOpen: () => boolean };
}> {
  const world = new World(seed);
  const net = new SimulatedNetwork(world);
  const a = new Host(world, net, 'a', '10.0.0.1');
  const b = new Host(world, net, 'b', '10.0.0.2');
  let last: { wire: Wire; side: Side } | undefined;
  a.boot(() => undefined);
  b.boot(() => {
    void b.network.listen({ host: '0.0.0.0', port: 1, backlog: 10, keepAliveSeconds: () => 0 }, (wire) => {
      last = { wire, side: side() };
      return last.side;
    });
  });
  await world.run(1);
  return {
    world,
    net,
    a,
    b,
    accepted: () => last!,
    connect: () => {
      const own = side();
      let isOpen = false;
      const wire = a.network.connect(
        { host: b.address, port: 1, timeoutMs: 1000 },
        Object.assign(own, { onOpen: () => void (isOpen = true) }),
      );
      return { wire, side: own, isOpen: () => isOpen };
    },
  };
}

test('events come by time, and in the order of scheduling where the time is the same', () => {
  const seed = Date.now() | 0;
  const random = new Prng(seed);
  const queue = new EventQueue();
  const expected: { at: number; order: number }[] = [];
  const seen: number[] = [];
  for (let order = 0; order < 2000; order++) {
    const at = random.below(50);
    const event = queue.add(at, () => seen.push(order));
    if (random.chance(20)) event.cancelled = true;
    else expected.push({ at, order });
  }
  for (let event = queue.takeUntil(49); event !== undefined; event = queue.takeUntil(49)) event.run();
  expected.sort((first, second) => first.at - second.at || first.order - second.order);
  assert.deepEqual(
    seen,
    expected.map(({ order }) => order),
    `seed ${seed}`,
  );
});

test('bytes arrive whole and in order, however they are cut on the way', async () => {
  const { world, connect, accepted } = await pair();
  const { wire, isOpen } = connect();
  let expected = '';
  for (let index = 0; index < 500; index++) {
    wire.write(Buffer.from(`${index},`));
    expected += `${index},`;
  }
  await world.run(100);
  assert.ok(isOpen());
  assert.equal(accepted().side.text, expected);
});

test('a cut holds bytes back until it heals', async () => {
  const { world, net, a, b, connect, accepted } = await pair();
  const { wire } = connect();
  await world.run(10);
  net.partition([a], [b]);
  wire.write(Buffer.from('hello'));
  await world.run(5000);
  assert.equal(accepted().side.text, '');
  net.heal();
  await world.run(10);
  assert.equal(accepted().side.text, 'hello');
});

test('a one-way cut lets the other way through', async () => {
  const { world, net, a, b, connect, accepted } = await pair();
  const { wire, side: own } = connect();
  await world.run(10);
  net.cutOneWay(a, b);
  wire.write(Buffer.from('lost'));
  accepted().wire.write(Buffer.from('heard'));
  await world.run(10);
  assert.equal(accepted().side.text, '');
  assert.equal(own.text, 'heard');
});

test('bytes take the latency and the jitter of the link, and no less', async () => {
  const { world, net, a, b, connect, accepted } = await pair();
  const { wire } = connect();
  await world.run(10);
  Object.assign(net.link(a, b), { latencyMs: 100, jitterMs: 50 });
  wire.write(Buffer.from('x'));
  await world.run(99);
  assert.equal(accepted().side.text, '');
  await world.run(52);
  assert.equal(accepted().side.text, 'x');
});

test('two connections do not keep the order among each other, each does in itself', async () => {
  const { world, net, a, b } = await pair();
  net.link(a, b).jitterMs = 20;
  let heard = '';
  await b.network.listen({ host: '0.0.0.0', port: 2, backlog: 10, keepAliveSeconds: () => 0 }, () => {
    const events = side();
    events.onData = (bytes, count) => void (heard += Buffer.from(bytes.subarray(0, count)).toString());
    return events;
  });
  const [first, second] = [1, 2].map(() =>
    a.network.connect(
      { host: b.address, port: 2, timeoutMs: 1000 },
      Object.assign(side(), { onOpen: () => undefined }),
    ),
  );
  await world.run(100);
  for (const letter of 'abcdefghijklm') {
    first!.write(Buffer.from(letter));
    second!.write(Buffer.from(letter.toUpperCase()));
    await world.run(1);
  }
  await world.run(100);
  assert.equal(heard.replace(/[A-Z]/g, ''), 'abcdefghijklm');
  assert.equal(heard.replace(/[a-z]/g, ''), 'ABCDEFGHIJKLM');
  const asSent = [...'abcdefghijklm'].map((letter) => letter + letter.toUpperCase()).join('');
  assert.notEqual(heard, asSent, 'one of the two is now and then ahead');
});

test('a slow link takes time for each byte', async () => {
  const { world, net, a, b, connect, accepted } = await pair();
  const { wire } = connect();
  await world.run(10);
  net.link(a, b).bytesPerSecond = 1000;
  wire.write(Buffer.alloc(500, 'x'));
  await world.run(250);
  assert.notEqual(accepted().side.text.length, 500);
  await world.run(500);
  assert.equal(accepted().side.text.length, 500);
});

test('a clock that jumps shows another date, and moves no timer', async () => {
  const { world, a, b } = await pair();
  const before = a.clock.wallMs();
  const seen: number[] = [];
  a.clock.after(1000, () => seen.push(a.clock.steadyMs()));
  const dueMs = a.clock.steadyMs() + 1000;
  a.wallErrorMs += 3_600_000;
  assert.equal(a.clock.wallMs() - before, 3_600_000);
  assert.equal(b.clock.wallMs(), before, 'each host has a clock of its own');
  await world.run(999);
  assert.deepEqual(seen, []);
  await world.run(2);
  assert.deepEqual(seen, [dueMs]);
});

test('a power cut takes what was not synced, a kill takes nothing', async () => {
  const lengths = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const { a } = await pair(seed);
    const file = a.files.open('/log', 'create');
    file.write(Buffer.from('durable'), 0, 7);
    file.sync();
    a.files.syncFolder('/');
    file.write(Buffer.from(' and not'), 0, 8);
    a.kill();
    assert.equal(a.files.get('/log').length, 15);
    a.boot(() => undefined);
    a.powerOff();
    const left = Buffer.from(a.files.get('/log')).toString();
    assert.ok(left.startsWith('durable') && 'durable and not'.startsWith(left), left);
    lengths.add(left.length);
  }
  assert.ok(lengths.size > 3, 'any part of it may be lost');
});

test('connecting fails by refusal, by time, and for want of a host', async () => {
  const { world, net, a, b, connect } = await pair();
  const events = side();
  a.network.connect(
    { host: b.address, port: 2, timeoutMs: 1000 },
    Object.assign(events, { onOpen: () => assert.fail('nobody listens') }),
  );
  const nowhere = side();
  a.network.connect(
    { host: '10.9.9.9', port: 2, timeoutMs: 1000 },
    Object.assign(nowhere, { onOpen: () => assert.fail('nobody is there') }),
  );
  await world.run(10);
  assert.equal(events.ended, 'ECONNREFUSED');
  assert.equal(nowhere.ended, 'EHOSTUNREACH');
  net.partition([a], [b]);
  const late = connect();
  await world.run(2000);
  assert.equal(late.side.ended, 'ETIMEDOUT');
});

test('a killed process resets its connections, a host without power says nothing', async () => {
  const killed = await pair();
  const first = killed.connect();
  await killed.world.run(10);
  killed.b.kill();
  await killed.world.run(10);
  assert.equal(first.side.ended, 'ECONNRESET');

  const dark = await pair();
  const second = dark.connect();
  await dark.world.run(10);
  dark.b.powerOff();
  await dark.world.run(60_000);
  assert.equal(second.side.ended, undefined, 'a half-open connection looks alive');
  // The host is back: what it gets for a connection that it does not know, it resets.
  dark.b.boot(() => undefined);
  second.wire.write(Buffer.from('still there?'));
  await dark.world.run(10);
  assert.equal(second.side.ended, 'ECONNRESET');
});

test('nothing happens on a paused host until it goes on, then in order', async () => {
  const { world, b } = await pair();
  const seen: number[] = [];
  b.clock.after(10, () => seen.push(1));
  b.clock.after(20, () => seen.push(2));
  const cancelled = b.clock.after(30, () => seen.push(3));
  b.pause();
  await world.run(100);
  assert.deepEqual(seen, []);
  cancelled.cancel();
  b.resume();
  await world.run(1);
  assert.deepEqual(seen, [1, 2]);
});

test('an end that closes lets what was written arrive first', async () => {
  const { world, connect, accepted } = await pair();
  const { wire } = connect();
  wire.write(Buffer.from('last words'));
  wire.end();
  await world.run(10);
  assert.equal(accepted().side.text, 'last words');
  assert.equal(accepted().side.ended, 'end');
  accepted().wire.write(Buffer.from('too late'));
  await world.run(10);
  assert.equal(accepted().side.ended, 'ECONNRESET');
});

test('a receiver that does not read leaves bytes unsent, and drains them later', async () => {
  const { world, connect, accepted } = await pair();
  const { wire, side: own } = connect();
  let drained = 0;
  own.onDrain = () => drained++;
  await world.run(10);
  accepted().wire.pauseReading();
  const block = Buffer.alloc(100_000, 'x');
  assert.equal(wire.write(block), true);
  wire.write(block);
  assert.equal(wire.write(block), false);
  await world.run(1000);
  assert.equal(wire.unsentBytes, 300_000 - 256 * 1024);
  assert.equal(drained, 0);
  accepted().wire.resumeReading();
  await world.run(1000);
  assert.equal(wire.unsentBytes, 0);
  assert.equal(drained, 1);
  assert.equal(accepted().side.text.length, 300_000);
});

test('the first failure ends a run', async () => {
  const { world, a } = await pair();
  a.clock.after(5, () => {
    throw new Error('broken');
  });
  await assert.rejects(world.run(100), /broken/);
  assert.ok(world.nowMs < 100);
});
