// The replies of DEBUG's subcommands to good and bad arguments beside those of redis-server: test tools look at them.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { peerMissing } from '../peer.js';
import { Twins } from './twins.js';

/** Subcommands with lists of arguments, separated by commas; `-` stands for none. Ordered: some see keys that others made. */
const cases = `
REPLYBUFFER: -, PEAK-RESET-TIME, PEAK-RESET-TIME 100, PEAK-RESET-TIME NEVER, peak-reset-time reset, peak-reset-time -5
REPLYBUFFER: peak-reset-time abc, peak-reset-time 99999999999999999999, resizing, RESIZING 0, resizing 1, resizing abc
REPLYBUFFER: other 1, resizing 1 2, peak-reset-time reset 1
CHANGE-REPL-ID: -, x
REPLICATE: -, SET a b
SET-ACTIVE-EXPIRE: -, abc, 0, 1, 1x, 1 2
SET-SKIP-CHECKSUM-VALIDATION: -, abc, 1, 0, 0 0
SET-DISABLE-DENY-SCRIPTS: -, abc, 0, 0 0
PAUSE-CRON: -, abc, 1, 0, 0 0
AOF-FLUSH-SLEEP: -, abc, 0, 0 0
SLEEP: -, abc, -1, 0.001, 0 0
LOG: -, hello, hello world
ERROR: -, boom, ERR boom
POPULATE: -, abc, -1, 3, 3 p, 3 q abc, 3 q -1, 3 q 10, 3 q 10 x
DIGEST: -, x
DIGEST-VALUE: -, nokey, key:0 q:1 nokey
OBJECT: -, nokey
PROTOCOL: -, foo, string, attrib, push, bignum
HTSTATS: -, abc, 99, -1
HTSTATS-KEY: -, nokey, key:0
LISTPACK: -, nokey, key:0, key:0 1
QUICKLIST: -, nokey, key:0, key:0 1, key:0 1 1
QUICKLIST-PACKED-THRESHOLD: -, abc, 100b, 5gb, 4gb, -1, 4095mb, 0
DROP-CLUSTER-PACKET-FILTER: -, abc, -1
CLUSTERLINK: KILL to, KILL to x, OTHER to x, OTHER to
RELOAD: OTHER, NOSAVE OTHER
LEAK: -, x
JMAP: -
ZIPLIST: key:0
NOSUCH: -, x
`;

it('DEBUG replies to good and bad arguments as redis-server does', { skip: peerMissing('redis-server') }, async (t) => {
  const twins = await Twins.start(1, { 'enable-debug-command': 'yes', logfile: '' }, ['--enable-debug-command', 'yes']);
  t.after(() => twins.stop());
  for (const text of cases.trim().split('\n')) {
    const [, name, lists] = /^(\S+): (.*)$/.exec(text)!;
    for (const list of lists!.split(', ')) {
      const words = ['DEBUG', name!, ...(list === '-' ? [] : list.split(' '))];
      const { ours, theirs } = await twins.step(0, words);
      assert.deepEqual(ours, theirs, words.join(' '));
    }
  }
});
