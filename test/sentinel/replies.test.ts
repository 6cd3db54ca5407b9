// Replies of a sentinel beside those of redis-sentinel, for the same commands in the same state.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { peerMissing } from '../peer.js';
import { Fleet, type SentinelProcess } from './fleet.js';

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
  for (const command of commands) found.set(command, await sentinel.ask(...command.split(' ')));
  return found;
}

/** Names of fields without what differs with every run. */
function shape(reply: unknown): unknown {
  return (reply as string[][]).map((words) => words.filter((_, index) => index % 2 === 0));
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
      const lists = (await ours.ask('COMMAND', 'LIST')) as string[];
      for (const name of (await theirs.ask('COMMAND', 'LIST')) as string[])
        // Nothing is kept whose changes a client could be told of.
        if (!/^client\|(caching|getredir|tracking|trackinginfo)$/.test(name)) assert.ok(lists.includes(name), name);
      const mine = await answers(ours);
      const expected = await answers(theirs);
      for (const command of commands) {
        assert.deepEqual(mine.get(command), expected.get(command), command);
      }
    } finally {
      await fleet.stop();
    }
  });
});
