// Sentinels of both kinds in one quorum, over masters and replicas of both kinds: one new master, all agree, the old one rejoins.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { EventListener } from './event-forms.js';
import { ask, Fleet, fieldsOf, type Kind, plain, SentinelProcess, until } from './fleet.js';

/** With KVASIR_LONG=1 the master is stopped, too, and the other quorum is tried. */
const isLong = process.env.KVASIR_LONG === '1';

const cases: readonly { servers: readonly Kind[]; sentinels: readonly Kind[] }[] = [
  { servers: ['redis', 'kvasir', 'redis'], sentinels: ['kvasir', 'kvasir', 'redis'] },
  { servers: ['kvasir', 'redis', 'kvasir'], sentinels: ['redis', 'kvasir', 'redis'] },
];

async function roleOf(port: number): Promise<unknown[]> {
  return plain(await ask(port, 'ROLE')) as unknown[];
}

/** kill -9: one of the others is the master, the third follows it, and so does the first when it comes back. */
async function killMaster(fleet: Fleet, kind: Kind): Promise<void> {
  const first = fleet.servers[0]!;
  process.kill(first.pid, 'SIGKILL');
  const second = await fleet.agreedOther(first.port);
  await until('the new master is one', async () => (await roleOf(second))[0] === 'master');
  const third = fleet.servers.find(({ port }) => port !== first.port && port !== second)!;
  await follows(third.port, second);
  await first.stop({ keepFolder: true }).catch(() => undefined);
  const start = kind === 'redis' ? startRedis : startKvasir;
  fleet.servers[0] = await start({ port: first.port, folder: first.folder });
  await follows(first.port, second);
}

/** SIGSTOP: the process keeps its connections, and says nothing. */
async function stopMaster(fleet: Fleet): Promise<void> {
  const before = await fleet.sentinels[0]!.masterPort();
  for (const sentinel of fleet.sentinels) await sentinel.ask('SENTINEL', 'SET', 'mymaster', 'failover-timeout', '1000');
  const stopped = fleet.servers.find(({ port }) => port === before)!;
  process.kill(stopped.pid, 'SIGSTOP');
  try {
    const next = await fleet.agreedOther(before);
    await until('the next master is one', async () => (await roleOf(next))[0] === 'master');
  } finally {
    process.kill(stopped.pid, 'SIGCONT');
  }
  await until('the server that was stopped is a replica', async () => (await roleOf(before))[0] === 'slave');
}

async function follows(port: number, master: number): Promise<void> {
  await until(`${port} follows ${master}`, async () => {
    const role = await roleOf(port);
    return role[0] === 'slave' && role[2] === master && role[3] === 'connected';
  });
}

describe('quorums of both kinds', { skip: peerMissing('redis-server', 'redis-sentinel') }, () => {
  for (const { servers, sentinels } of cases.slice(0, isLong ? 2 : 1)) {
    test(`${sentinels.join(', ')} over ${servers.join(', ')}: the master fails, and comes back`, async () => {
      const fleet = await Fleet.make({ servers, sentinels });
      try {
        await fleet.ready();
        const listeners = await Promise.all(fleet.sentinels.map((each) => EventListener.to(each)));
        await killMaster(fleet, servers[0]!);
        for (const listener of listeners) {
          await until('the switch is published', () => Promise.resolve(listener.has('+switch-master')));
          listener.close();
          listener.check(['+new-epoch', '+switch-master']);
        }
        if (isLong) await fleet.ready();
        if (isLong) await stopMaster(fleet);
        for (const sentinel of fleet.sentinels) {
          const fields = fieldsOf(await sentinel.ask('SENTINEL', 'MASTER', 'mymaster'));
          assert.notEqual(fields.get('config-epoch'), '0', `${sentinel.kind} has taken the new epoch over`);
        }
      } finally {
        await fleet.stop();
      }
    });
  }

  test('scripts are called, and a sentinel of the other kind takes the config file over', async () => {
    const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: [] });
    const out = join(fleet.folder, 'script.out');
    const script = join(fleet.folder, 'script.sh');
    writeFileSync(script, `#!/bin/sh\necho "$@" >> ${out}\n`);
    chmodSync(script, 0o755);
    const master = fleet.servers[0]!.port;
    try {
      for (const kind of ['kvasir', 'redis'] as const)
        await fleet.addSentinel(kind, [
          '# kept',
          `sentinel monitor mymaster 127.0.0.1 ${master} 2`,
          'sentinel down-after-milliseconds mymaster 1500',
          `sentinel client-reconfig-script mymaster ${script}`,
        ]);
      await fleet.ready();
      const listeners = await Promise.all(fleet.sentinels.map((each) => EventListener.to(each)));
      assert.equal(await fleet.sentinels[0]!.ask('SENTINEL', 'FAILOVER', 'mymaster'), 'OK');
      const now = await fleet.agreedOther(master);
      const calls = await until('both scripts were called', async () => {
        const lines = existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : [];
        return lines.length >= 2 && lines;
      });
      assert.deepEqual(calls.sort(), [
        `mymaster leader start 127.0.0.1 ${master} 127.0.0.1 ${now}`,
        `mymaster observer start 127.0.0.1 ${master} 127.0.0.1 ${now}`,
      ]);
      for (const listener of listeners) {
        await until('the switch is published', () => Promise.resolve(listener.has('+switch-master')));
        listener.close();
      }
      const [leader, observer] = listeners;
      leader!.check([
        '+new-epoch',
        '+try-failover',
        '+elected-leader',
        '+failover-state-select-slave',
        '+selected-slave',
        '+failover-state-send-slaveof-noone',
        '+failover-state-wait-promotion',
        '+promoted-slave',
        '+failover-state-reconf-slaves',
        '+failover-end',
        '+switch-master',
      ]);
      observer!.check(['+config-update-from', '+switch-master']);
      // Each sentinel goes on with the other's file.
      const [ours, theirs] = fleet.sentinels;
      const ids = await Promise.all(fleet.sentinels.map((each) => each.ask('SENTINEL', 'MYID')));
      for (const [kind, from, id] of [
        ['redis', ours!, ids[0]],
        ['kvasir', theirs!, ids[1]],
      ] as const) {
        await from.stop('SIGTERM');
        assert.match(from.config, /^# kept$/m);
        const heir = new SentinelProcess(kind, from.port, from.file);
        fleet.sentinels[fleet.sentinels.indexOf(from)] = heir;
        await heir.start();
        assert.equal(await heir.ask('SENTINEL', 'MYID'), id);
        assert.equal(await heir.masterPort(), now);
      }
      await fleet.ready();
    } finally {
      await fleet.stop();
    }
  });
});
