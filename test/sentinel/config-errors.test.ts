// Wrong lines of sentinel.conf beside redis-sentinel: the same line is named, with the same reason.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { RealFiles } from '../../src/io/files.js';
import { noNames } from '../../src/sentinel/address.js';
import { applyLines } from '../../src/sentinel/config-reader.js';
import { collectSentinelDirectives } from '../../src/sentinel/directives.js';
import type { SentinelPort } from '../../src/sentinel/port.js';
import { SentinelState } from '../../src/sentinel/state.js';
import { Config } from '../../src/service/config/config.js';
import { ConfigError } from '../../src/service/config/config-error.js';
import { ConfigReader } from '../../src/service/config/file.js';
import { peerMissing } from '../peer.js';

const wrong = [
  'sentinel monitor m2 127.0.0.1 6379',
  'sentinel monitor m2 127.0.0.1 6379 0',
  'sentinel monitor m2 127.0.0.1 6379 x',
  'sentinel monitor m2 127.0.0.1 99999 2',
  'sentinel monitor m2 no.such.host.invalid 6379 2',
  'sentinel monitor m 127.0.0.1 6380 2',
  'sentinel nothing m 1',
  'sentinel down-after-milliseconds m 0',
  'sentinel down-after-milliseconds m x',
  'sentinel down-after-milliseconds nobody 1',
  'sentinel down-after-milliseconds m',
  'sentinel failover-timeout m -1',
  'sentinel failover-timeout nobody 1',
  'sentinel parallel-syncs nobody 1',
  'sentinel notification-script m /nowhere',
  'sentinel notification-script nobody /bin/true',
  'sentinel client-reconfig-script m /nowhere',
  'sentinel auth-pass nobody x',
  'sentinel auth-user nobody x',
  'sentinel myid short',
  'sentinel config-epoch nobody 1',
  'sentinel leader-epoch nobody 1',
  'sentinel known-replica m 127.0.0.1 99999',
  'sentinel known-replica nobody 127.0.0.1 1',
  'sentinel rename-command nobody a b',
  'sentinel deny-scripts-reconfig maybe',
  'sentinel resolve-hostnames maybe',
  'sentinel announce-hostnames maybe',
  'sentinel master-reboot-down-after-period m -1',
  'sentinel master-reboot-down-after-period nobody 1',
  'port x',
  'nothing at all',
  'sentinel monitor "unbalanced',
  'maxclients -1',
];

let folder = '';
const fileOf = (line: string): string => {
  const path = join(folder, 'sentinel.conf');
  writeFileSync(path, `# two lines that are right\nsentinel monitor m 127.0.0.1 6379 2\n${line}\n`);
  return path;
};

/** Line number and reason as redis-sentinel prints them. */
function theirs(path: string): string {
  const { stdout, stderr, status } = spawnSync('redis-sentinel', [path, '--port', '0'], {
    encoding: 'latin1',
    timeout: 20_000,
  });
  assert.equal(status, 1, `redis-sentinel takes ${path}`);
  const [, line, reason] = /at line (\d+)\n>>> '.*'\n(.*)/.exec(stderr + stdout) ?? [];
  return `${line}: ${reason}`;
}

function ours(path: string): string {
  const config = new Config(folder);
  config.file = path;
  const directives = collectSentinelDirectives(path);
  try {
    new ConfigReader(config, new RealFiles(), directives).load(path, '', '');
    const state = new SentinelState({ close: () => undefined } as unknown as SentinelPort, new Prng(1), noNames);
    for (const round of [0, 1, 2] as const)
      applyLines(state, directives.lines, round, (script) => script === '/bin/true');
    return 'taken';
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return `${error.place?.lineNumber}: ${error.reason.split('\n')[0]}`;
  }
}

describe('wrong lines of sentinel.conf', { skip: peerMissing('redis-sentinel') }, () => {
  before(() => (folder = mkdtempSync(join(tmpdir(), 'kvasir-config-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('are told as redis-sentinel tells them', () => {
    const differences: string[] = [];
    for (const line of wrong) {
      const path = fileOf(line);
      const [mine, expected] = [ours(path), theirs(path)];
      if (mine !== expected) differences.push(`${line}\n  ours:   ${mine}\n  theirs: ${expected}`);
    }
    assert.deepEqual(differences, []);
  });
});
