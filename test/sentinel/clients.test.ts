// Real clients in sentinel mode: they find the master by our sentinels, follow it when it changes, and see no other errors meanwhile
// than with redis-sentinels.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { peerMissing } from '../peer.js';
import { Fleet, type Kind, until } from './fleet.js';

/** With KVASIR_LONG=1 the errors are compared with those that redis-sentinels bring about now. */
const isLong = process.env.KVASIR_LONG === '1';

/** An error without what differs with every run. */
function kindOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string };
  return `${name} ${code ?? message.replace(/\d+/g, 'N').slice(0, 80)}`;
}

/** A failover as the two clients see it: their errors, and the values that they read afterwards. */
async function followSwitch(kind: Kind): Promise<Set<string>> {
  const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: [kind, kind, kind] });
  const places = fleet.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  const first = new Redis({ sentinels: places, name: 'mymaster', maxRetriesPerRequest: null });
  const second = createSentinel({ name: 'mymaster', sentinelRootNodes: places, scanInterval: 200 });
  const errors = new Set<string>();
  const note = (error: unknown): void => void errors.add(kindOf(error));
  first.on('error', note);
  second.on('error', note);
  second.on('client-error', (event: { error?: unknown }) => note(event.error ?? event));
  try {
    await fleet.ready();
    await second.connect();
    assert.equal(await second.set('b', '2'), 'OK');
    assert.equal(await first.set('a', '1'), 'OK');
    // Replication does not wait: what the replica lacks dies with the master.
    assert.equal(await first.wait(1, 60_000), 1);
    const before = fleet.servers[0]!;
    process.kill(before.pid, 'SIGKILL');
    const write = async (what: string, set: () => Promise<unknown>): Promise<void> => {
      await until(what, () =>
        set().then(
          (reply) => reply === 'OK',
          (error: unknown) => {
            note(error);
            return false;
          },
        ),
      );
    };
    const port = await fleet.agreedOther(before.port);
    await write('ioredis writes to the new master', () => first.set('c', '3'));
    await write('node-redis writes to the new master', () => second.set('d', '4'));
    assert.match(await first.info('server'), new RegExp(`tcp_port:${port}\\r`));
    assert.deepEqual(await first.mget('a', 'b', 'c', 'd'), ['1', '2', '3', '4']);
    return errors;
  } finally {
    first.disconnect();
    void second.destroy();
    await fleet.stop();
  }
}

describe('clients in sentinel mode', { skip: isLong && peerMissing('redis-sentinel') }, () => {
  test('ioredis and node-redis follow the switch, with no error beyond those of redis-sentinels', async () => {
    const [ours, theirs] = await Promise.all([
      followSwitch('kvasir'),
      isLong ? followSwitch('redis') : new Set<string>(),
    ]);
    // Which of the ways a connection can break is seen first is chance. ioredis says the last when it asked each sentinel while all still
    // name the master that is gone.
    const broken =
      /ECONNREFUSED|ECONNRESET|EPIPE|SocketClosed|Socket closed|Connection is closed|All sentinels are unreachable. Retrying/;
    const beyond = [...ours].filter((error) => !theirs.has(error) && !broken.test(error));
    assert.deepEqual(beyond, [], `redis-sentinel: ${[...theirs].join('; ')}`);
  });
});
