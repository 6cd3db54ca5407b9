// A simulated server's reports on itself follow from the seed alone: nothing of the real process shows through.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '../../src/simulation/host.js';
import { replyText, SimulatedClient } from '../../src/simulation/client.js';
import { SimulatedNetwork } from '../../src/simulation/network.js';
import { ServerProcess } from '../../src/simulation/server-process.js';
import { World } from '../../src/simulation/world.js';

/** What INFO says after a minute of virtual time. */
async function infoOf(seed: number): Promise<string[]> {
  const world = new World(seed);
  const net = new SimulatedNetwork(world);
  const process = new ServerProcess(new Host(world, net, 'server', '10.0.0.1'), { save: '' });
  const guest = new Host(world, net, 'guest', '10.0.0.2');
  const client = new SimulatedClient(guest, 'guest');
  process.start();
  guest.boot(() => undefined);
  await world.runUntil('the server serves', 10_000, () => process.serves);
  let text: string | undefined;
  const ask = async (): Promise<void> => {
    await client.connect({ host: process.host, port: process.port });
    await client.call('SET', 'key', 'value');
    await client.call('EVAL', 'return redis.call("get", KEYS[1])', '1', 'key');
    await new Promise<void>((resolve) => guest.schedule(60_000, resolve));
    text = replyText(await client.call('INFO', 'everything'));
  };
  ask().catch((error: Error) => world.fail(error));
  await world.runUntil('INFO has replied', 120_000, () => text !== undefined);
  return text!.split('\r\n');
}

test('INFO of a simulated server is the same at every run, whatever the real process does meanwhile', async () => {
  const first = await infoOf(1);
  // More memory, more processor time, more turns of the loop.
  const ballast = Buffer.alloc(48 << 20, 1);
  await new Promise((resolve) => setImmediate(resolve));
  const second = await infoOf(1);
  assert.ok(first.length > 100 && ballast.length > 0);
  assert.deepEqual(
    second.filter((line, index) => line !== first[index]),
    [],
  );
});
