// The lines of sentinel.conf: every error with its place, and a state that comes back as it was written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { splitWords } from '../base/quoting.js';
import { ConfigError } from '../service/config/config-error.js';
import { noNames } from './address.js';
import { applyLines, type SentinelLine } from './config-reader.js';
import { stateLines } from './config-writer.js';
import { parseNotifyWords } from './keepalived-notify.js';
import type { SentinelPort } from './port.js';
import { SentinelState } from './state.js';

function makeState(): SentinelState {
  return new SentinelState({ close: () => undefined } as unknown as SentinelPort, new Prng(1), noNames);
}

function read(texts: readonly string[]): SentinelState {
  const state = makeState();
  const lines = texts.map((line, index): SentinelLine => ({
    words: splitWords(line)!.slice(1),
    place: { source: 'file', path: '/s.conf', lineNumber: index + 1, line },
  }));
  for (const round of [0, 1, 2] as const) applyLines(state, lines, round, (path) => path === '/bin/true');
  return state;
}

const monitor = 'sentinel monitor m 10.0.0.1 6379 2';

test('every wrong line is told with its number and the reason', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['sentinel monitor m 10.0.0.1 6379', /^Unrecognized sentinel configuration statement/],
    ['sentinel moniter x 10.0.0.1 6379 2', /nearest is 'monitor'/],
    ['sentinel monitor x 10.0.0.1 6379 0', /Quorum must be 1 or greater/],
    ['sentinel monitor x name.example 6379 2', /Can't resolve instance hostname/],
    ['sentinel monitor x 10.0.0.1 70000 2', /Invalid port number/],
    [monitor, /Duplicate master name/],
    ['sentinel down-after-milliseconds m 0', /negative or zero time parameter/],
    ['sentinel down-after-milliseconds nobody 1', /No such master with specified name/],
    ['sentinel failover-timeout m x', /negative or zero time parameter/],
    ['sentinel parallel-syncs m 0', /1 or greater/],
    ['sentinel notification-script m /nowhere', /Notification script seems non existing or non executable/],
    ['sentinel client-reconfig-script m /nowhere', /Client reconfiguration script seems/],
    ['sentinel myid short', /Malformed Sentinel id in myid option/],
    ['sentinel current-epoch -1', /an epoch is/],
    ['sentinel known-sentinel m 10.0.0.2 26379 short', /Malformed Sentinel id/],
    ['sentinel known-replica m 10.0.0.2 x', /Invalid port number/],
    ['sentinel deny-scripts-reconfig maybe', /Please specify yes or no/],
    ['sentinel announce-port 70000', /Invalid port number/],
    ['sentinel master-reboot-down-after-period m -1', /negative time parameter/],
    ['sentinel vip m 10.0.0.300/24 eth0', /the address is wrong/],
    ['sentinel vip m 10.0.0.3/33 eth0', /the mask is wrong/],
    ['sentinel vip m 10.0.0.3/24 "-x y"', /the interface is wrong/],
  ];
  for (const [line, reason] of wrong)
    assert.throws(
      () => read([monitor, line]),
      (error) => error instanceof ConfigError && error.place?.lineNumber === 2 && reason.test(error.reason),
      line,
    );
  assert.throws(
    () => read([monitor, 'sentinel rename-command m GET a', 'sentinel rename-command m get b']),
    /Same command renamed multiple times/,
  );
});

test('a state is read back as it was written', () => {
  const lines = [
    `sentinel myid ${'a'.repeat(40)}`,
    'sentinel deny-scripts-reconfig no',
    'sentinel resolve-hostnames no',
    'sentinel announce-hostnames no',
    monitor,
    'sentinel down-after-milliseconds m 3000',
    'sentinel failover-timeout m 60000',
    'sentinel parallel-syncs m 3',
    'sentinel notification-script m /bin/true',
    'sentinel client-reconfig-script m /bin/true',
    'sentinel auth-pass m "se cret"',
    'sentinel auth-user m someone',
    'sentinel master-reboot-down-after-period m 1000',
    'sentinel vip m 10.0.0.100/24 eth0',
    'sentinel config-epoch m 4',
    'sentinel leader-epoch m 5',
    'sentinel known-replica m 10.0.0.2 6379',
    `sentinel known-sentinel m 10.0.0.3 26379 ${'b'.repeat(40)}`,
    'sentinel rename-command m config hidden',
    'sentinel current-epoch 6',
    'sentinel announce-ip 10.0.0.9',
    'sentinel announce-port 1234',
    'sentinel sentinel-user watcher',
    'sentinel sentinel-pass pass',
  ];
  assert.deepEqual(
    stateLines(read(lines)).map(({ line }) => line),
    lines,
  );
});

test('lines may stand in any order, and known-slave is read too', () => {
  const state = read(['SENTINEL Known-Slave m 10.0.0.2 6379', 'sentinel down-after-milliseconds m 5', monitor]);
  assert.equal(state.master('m')?.downAfterMs, 5);
  assert.equal(state.master('m')?.replicas.size, 1);
});

test('keepalived gives the state alone or behind the name of its instance', () => {
  for (const words of [['master'], ['INSTANCE', 'VI_1', 'MASTER', '100']]) {
    const options = parseNotifyWords(['--peer', '10.0.0.2:6379', ...words]);
    assert.ok(typeof options !== 'string' && options.state === 'master' && options.peerPort === 6379);
  }
  assert.match(parseNotifyWords(['master']) as string, /--peer/);
  assert.match(parseNotifyWords(['--peer', 'x:1', 'nothing']) as string, /state/);
  assert.match(parseNotifyWords(['--peer', 'x:99999', 'master']) as string, /port/);
});
