// Replies of a sentinel beside those of redis-sentinel, for the same commands in the same state.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { peerMissing } from '../peer.js';
import { Fleet, plain, type SentinelProcess } from './fleet.js';

/** One command a line; words are split at spaces, "" is an empty word. */
const commands = `
SENTINEL
SENTINEL nothing
SENTINEL MASTER
SENTINEL MASTER nobody
SENTINEL MASTERS more
SENTINEL REPLICAS nobody
SENTINEL SLAVES nobody
SENTINEL SENTINELS nobody
SENTINEL GET-MASTER-ADDR-BY-NAME nobody
SENTINEL GET-MASTER-ADDR-BY-NAME mymaster
SENTINEL CKQUORUM nobody
SENTINEL CKQUORUM mymaster
SENTINEL FAILOVER nobody
SENTINEL RESET nobody*
SENTINEL RESET
SENTINEL MONITOR a b c d
SENTINEL MONITOR a 127.0.0.1 port 1
SENTINEL MONITOR a 127.0.0.1 6379 0
SENTINEL MONITOR a 127.0.0.1 6379 -1
SENTINEL MONITOR a nohost 6379 1
SENTINEL MONITOR mymaster 127.0.0.1 6379 1
SENTINEL MONITOR a 127.0.0.1 99999 1
SENTINEL REMOVE nobody
SENTINEL MONITOR other 127.0.0.1 1 1
SENTINEL GET-MASTER-ADDR-BY-NAME other
SENTINEL CKQUORUM other
SENTINEL SET other auth-user one auth-pass word
SENTINEL SET other rename-command CONFIG hidden
SENTINEL SET other rename-command CONFIG CONFIG
SENTINEL RESET oth*
SENTINEL REMOVE other
SENTINEL GET-MASTER-ADDR-BY-NAME other
SENTINEL SET nobody quorum 1
SENTINEL SET mymaster nothing 1
SENTINEL SET mymaster quorum
SENTINEL SET mymaster quorum 0
SENTINEL SET mymaster quorum x
SENTINEL SET mymaster quorum 1
SENTINEL SET mymaster parallel-syncs 0
SENTINEL SET mymaster parallel-syncs 2
SENTINEL SET mymaster failover-timeout x
SENTINEL SET mymaster down-after-milliseconds -20
SENTINEL SET mymaster quorum 1 nothing 2
SENTINEL SET mymaster notification-script /bin/true
SENTINEL SET mymaster client-reconfig-script /bin/true
SENTINEL SET mymaster rename-command a
SENTINEL SET mymaster rename-command GET GET
SENTINEL SET mymaster master-reboot-down-after-period -1
SENTINEL SET mymaster master-reboot-down-after-period 1000
SENTINEL CONFIG
SENTINEL CONFIG SET nothing 1
SENTINEL CONFIG SET announce-port x
SENTINEL CONFIG SET announce-port 99999
SENTINEL CONFIG SET resolve-hostnames maybe
SENTINEL CONFIG SET resolve-hostnames no
SENTINEL CONFIG GET announce-port
SENTINEL CONFIG SET announce-ip 127.0.0.1
SENTINEL CONFIG GET announce-ip
SENTINEL CONFIG SET sentinel-user one
SENTINEL CONFIG GET sentinel-user
SENTINEL CONFIG SET sentinel-user ""
SENTINEL CONFIG GET resolve-hostnames
SENTINEL CONFIG GET nothing
SENTINEL DEBUG
SENTINEL DEBUG info-period x
SENTINEL DEBUG nothing 1
SENTINEL DEBUG info-period 9000
SENTINEL DEBUG info-period 0
SENTINEL SIMULATE-FAILURE nothing
SENTINEL SIMULATE-FAILURE help
SENTINEL SIMULATE-FAILURE
SENTINEL INFO-CACHE nobody
SENTINEL INFO-CACHE
SENTINEL PENDING-SCRIPTS
SENTINEL FLUSHCONFIG
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 x *
SENTINEL MYID more
ROLE
PUBLISH news text
PUBLISH __sentinel__:hello text
PUBLISH __sentinel__:hello a,b,c,d,e,f,g,h
PING
PING hello
PING a b
GET key
SET key value
CONFIG GET port
MULTI
ECHO text
SELECT 0
QUIT
RESET
TIME
DEBUG SLEEP 0
MONITOR
SHUTDOWN nothing
ACL WHOAMI
ACL LIST nothing
AUTH wrong
AUTH nobody wrong
CLIENT GETNAME
CLIENT SETNAME tester
CLIENT KILL TYPE master
CLIENT NO-TOUCH on
SUBSCRIBE +sdown
UNSUBSCRIBE +sdown
PSUBSCRIBE *
PUNSUBSCRIBE *
HELLO 4
HELLO 3 AUTH a
COMMAND COUNT more
COMMAND INFO get
`
  .trim()
  .split('\n');

async function answers(sentinel: SentinelProcess): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const command of commands)
    found.set(command, await sentinel.ask(...command.split(' ').map((word) => (word === '""' ? '' : word))));
  return found;
}

/** Names of fields without what differs with every run. */
function shape(reply: unknown): unknown {
  return (reply as string[][]).map((words) => words.filter((_, index) => index % 2 === 0));
}

/** Commands in one write, so that no time passes between them. */
async function together({ port }: SentinelProcess, ...asked: readonly (readonly string[])[]): Promise<unknown[]> {
  const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 10_000 });
  try {
    return (await Promise.all(asked.map(([name, ...words]) => connection.call(name!, ...words)))).map(plain);
  } finally {
    connection.close();
  }
}

/** The subcommands that SENTINEL HELP lists, in its order. */
async function subcommands(sentinel: SentinelProcess): Promise<string[]> {
  const lines = (await sentinel.ask('SENTINEL', 'HELP')) as string[];
  return lines.filter((line) => !line.startsWith(' ')).map((line) => line.split(' ')[0]!);
}

/** INFO sentinel without times. */
async function sentinelInfo(sentinel: SentinelProcess): Promise<string[]> {
  const text = String(await sentinel.ask('INFO', 'sentinel'));
  return text.split('\r\n').filter((line) => line !== '' && !line.startsWith('sentinel_total_tilt'));
}

describe('replies of a sentinel', { skip: peerMissing('redis-server', 'redis-sentinel') }, () => {
  test('are those of redis-sentinel', async () => {
    const fleet = await Fleet.make({ servers: ['redis', 'redis'], sentinels: ['kvasir', 'redis'] });
    const [ours, theirs] = fleet.sentinels as [SentinelProcess, SentinelProcess];
    try {
      await fleet.ready();
      for (const list of ['REPLICAS', 'SENTINELS'])
        assert.deepEqual(
          shape(await ours.ask('SENTINEL', list, 'mymaster')),
          shape(await theirs.ask('SENTINEL', list, 'mymaster')),
          list,
        );
      assert.deepEqual(shape(await ours.ask('SENTINEL', 'MASTERS')), shape(await theirs.ask('SENTINEL', 'MASTERS')));
      assert.deepEqual(await sentinelInfo(ours), await sentinelInfo(theirs));
      const listed = await subcommands(ours);
      assert.ok(listed.includes('EVENTS'));
      assert.deepEqual(
        listed.filter((name) => name !== 'EVENTS'),
        await subcommands(theirs),
      );
      const lists = (await ours.ask('COMMAND', 'LIST')) as string[];
      for (const name of (await theirs.ask('COMMAND', 'LIST')) as string[])
        // No state is kept whose changes a client could learn of.
        if (!/^client\|(caching|getredir|tracking|trackinginfo)$/.test(name)) assert.ok(lists.includes(name), name);
      const mine = await answers(ours);
      const expected = await answers(theirs);
      for (const command of commands) {
        assert.deepEqual(mine.get(command), expected.get(command), command);
      }
      // A sentinel that is just known counts as usable before a link to it is there.
      const known = async (sentinel: SentinelProcess): Promise<unknown[]> => {
        const [host, port] = (await sentinel.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as string[];
        const hello = `127.0.0.1,1,${'f'.repeat(40)},0,mymaster,${host},${port},0`;
        return together(sentinel, ['PUBLISH', '__sentinel__:hello', hello], ['SENTINEL', 'CKQUORUM', 'mymaster']);
      };
      const usable = 'OK 3 usable Sentinels. Quorum and failover authorization can be reached';
      assert.deepEqual(await known(theirs), [1, usable]);
      assert.deepEqual(await known(ours), [1, usable]);
      // RESET forgets the servers and the sentinels, which are found anew.
      for (const sentinel of fleet.sentinels)
        for (const list of ['REPLICAS', 'SENTINELS']) {
          const [count, found] = await together(
            sentinel,
            ['SENTINEL', 'RESET', 'mymast?r'],
            ['SENTINEL', list, 'mymaster'],
          );
          assert.deepEqual([count, found], [1, []], `${sentinel.kind} ${list}`);
        }
      await fleet.ready();
    } finally {
      await fleet.stop();
    }
  });
});
