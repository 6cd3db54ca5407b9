// Virtual addresses that follow the master, by real programs on hosts of their own: `sentinel vip`, the usual script, and keepalived.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kvasirServerPath, programPath, testFlags } from '../kvasir.js';
import { findProgram } from '../peer.js';
import { until } from './fleet.js';
import { Lan, lanMissing, type LanHost } from './lan.js';

const sentinelScript = programPath('kvasir-sentinel');
const page = readFileSync(fileURLToPath(new URL('../../../docs/sentinel.md', import.meta.url)), 'utf8');

/** Moved by the sentinels themselves, and by the script. */
const VIP = '10.77.0.100';
const SCRIPT_VIP = '10.77.0.4';
const PORT = 6379;

/** As it stands in many handbooks; the first lines are for the administrator to change. */
function handbookScript(own: string): string {
  return `#!/bin/bash
MASTER_IP=\${6}
MY_IP='${own}'   # each server's own address
VIP='${SCRIPT_VIP}'
NETMASK='24'
INTERFACE='eth0'

if [ \${MASTER_IP} = \${MY_IP} ]; then
        sudo /sbin/ip addr add \${VIP}/\${NETMASK} dev \${INTERFACE}
        sudo /sbin/arping -q -c 3 -A \${VIP} -I \${INTERFACE}
        exit 0
else
        sudo /sbin/ip addr del \${VIP}/\${NETMASK} dev \${INTERFACE}
        exit 0
fi
exit 1
`;
}

let folder = '';
let lan: Lan;

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function serverOn(host: LanHost, kind: 'kvasir' | 'redis', master?: LanHost) {
  const options = [
    '--port',
    String(PORT),
    '--bind',
    '0.0.0.0',
    '--protected-mode',
    'no',
    '--save',
    '',
    '--dir',
    folder,
  ];
  const following = master === undefined ? [] : ['--replicaof', master.address, String(PORT)];
  const diskless = ['--repl-diskless-sync-delay', '0'];
  const [program, ...args] = kind === 'redis' ? ['redis-server'] : [process.execPath, kvasirServerPath, ...testFlags];
  return host.start(program!, [...args, ...options, ...diskless, ...following]);
}

function roleAt(host: LanHost): Promise<string> {
  return host.ask('127.0.0.1', PORT, 'ROLE');
}

describe('an address that follows the master', { skip: lanMissing('arping', 'redis-server', 'redis-cli') }, () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvasir-lan-'));
    lan = new Lan();
  });
  afterEach(async () => {
    await lan.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A sentinel with both ways of moving an address. */
  function sentinelOn(host: LanHost, master: LanHost): void {
    // The path that the script gives for arping is that of another distribution, and sudo may be missing.
    const sudo = write('sudo', '#!/bin/bash\nprogram=$(basename "$1")\nshift\nexec "$program" "$@"\n');
    const script = write(`failover-${host.address}.sh`, handbookScript(host.address));
    for (const path of [sudo, script]) chmodSync(path, 0o755);
    const file = write(
      `sentinel-${host.address}.conf`,
      [
        'port 26379',
        `dir ${folder}`,
        `sentinel monitor mymaster ${master.address} ${PORT} 2`,
        'sentinel down-after-milliseconds mymaster 1500',
        'sentinel failover-timeout mymaster 10000',
        `sentinel client-reconfig-script mymaster ${script}`,
        `sentinel vip mymaster ${VIP}/24 eth0`,
      ].join('\n') + '\n',
    );
    host.start(process.execPath, [sentinelScript, file], { PATH: `${folder}:${process.env.PATH ?? ''}` });
  }

  function redisSentinelOn(host: LanHost, master: LanHost): void {
    const lines = ['port 26379', 'protected-mode no', `sentinel monitor mymaster ${master.address} ${PORT} 2`];
    const more = ['sentinel down-after-milliseconds mymaster 1500', 'sentinel failover-timeout mymaster 10000'];
    host.start('redis-sentinel', [write('redis-sentinel.conf', [...lines, ...more].join('\n') + '\n')]);
  }

  test('moves by `sentinel vip` and by the usual script when the master is cut off, and its host gives it up when it is back', async () => {
    const [one, two, three, guest] = [1, 2, 3, 9].map((number) => lan.addHost(number)) as [
      LanHost,
      LanHost,
      LanHost,
      LanHost,
    ];
    serverOn(one, 'redis');
    serverOn(two, 'kvasir', one);
    await until('the replica follows', async () => (await roleAt(two)).includes('connected'));
    await one.run('ip', 'addr', 'add', `${SCRIPT_VIP}/24`, 'dev', 'eth0');
    sentinelOn(one, one);
    sentinelOn(two, one);
    redisSentinelOn(three, one);
    await until('the sentinel on the master has taken the address', () => one.hasAddress(VIP));
    for (const address of [VIP, SCRIPT_VIP])
      await until('clients write to it', async () => (await guest.ask(address, PORT, 'SET', 'before', '1')) === 'OK');
    await until('all sentinels know each other', async () => {
      const said = await Promise.all(
        [one, two, three].map((host) => host.ask('127.0.0.1', 26379, 'SENTINEL', 'CKQUORUM', 'mymaster')),
      );
      return said.every((text) => text.startsWith('OK 3 usable'));
    });
    one.plug(false);
    await until(
      'the other host has both addresses',
      async () => (await two.hasAddress(VIP)) && two.hasAddress(SCRIPT_VIP),
    );
    // The guest does not ask for the address: gratuitous ARP has brought it.
    const hardware = await two.hardwareAddress;
    for (const address of [VIP, SCRIPT_VIP])
      await until('the guest knows', async () => (await guest.run('ip', 'neigh', 'show', address)).includes(hardware));
    for (const address of [VIP, SCRIPT_VIP]) assert.equal(await guest.ask(address, PORT, 'SET', 'after', '2'), 'OK');
    assert.match(await roleAt(two), /^master/);
    assert.ok(await one.hasAddress(VIP), 'nobody could tell it');
    one.plug(true);
    await until(
      'the old host gives both up',
      async () => !(await one.hasAddress(VIP)) && !(await one.hasAddress(SCRIPT_VIP)),
    );
    assert.ok(await two.hasAddress(VIP));
    assert.equal(await guest.ask(VIP, PORT, 'GET', 'after'), '2');
  });
});

describe('keepalived', { skip: lanMissing('keepalived', 'redis-cli') }, () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvasir-lan-'));
    lan = new Lan();
  });
  afterEach(async () => {
    await lan.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The sample of the page, with the paths and addresses of this test and shorter periods. */
  function keepalivedOn(host: LanHost, peer: LanHost, priority: number): void {
    const [, sample] = /```\n(global_defs \{[^`]*)```/.exec(page)!;
    const notify = `${process.execPath} ${kvasirServerPath} keepalived-notify`;
    const text = sample!
      .replace('/usr/bin/kvasir-cli -p 6379 ping', `${findProgram('redis-cli')} -p 6379 ping`)
      .replace('interval 2', 'interval 1')
      .replace('priority 100', `priority ${priority}`)
      .replace('10.0.0.100/24', `${VIP}/24`)
      .replace('/usr/bin/kvasir-server keepalived-notify', notify)
      .replace('10.0.0.2:6379', `${peer.address}:${PORT}`);
    const file = write(`keepalived-${host.address}.conf`, text);
    const pids = ['-p', join(folder, `${host.address}.pid`), '-r', join(folder, `${host.address}.vrrp.pid`)];
    host.start('keepalived', ['-n', '-l', '-D', '-P', '-f', file, ...pids]);
  }

  test('makes the server here the master, and a replica when it comes back; the address does not jump back', async () => {
    const [one, two, guest] = [1, 2, 9].map((number) => lan.addHost(number)) as [LanHost, LanHost, LanHost];
    const first = serverOn(one, 'kvasir');
    serverOn(two, 'kvasir', one);
    await until('the replica follows', async () => (await roleAt(two)).includes('connected'));
    keepalivedOn(one, two, 100);
    await until('the first host has the address', () => one.hasAddress(VIP));
    keepalivedOn(two, one, 90);
    await until('clients write to it', async () => (await guest.ask(VIP, PORT, 'SET', 'before', '1')) === 'OK');
    await until('the replica follows again', async () => (await roleAt(two)).includes('connected'));
    first.kill('SIGKILL');
    await until('the second host has the address', () => two.hasAddress(VIP));
    await until('its server is a master', async () => (await roleAt(two)).startsWith('master'));
    await until('clients write to it', async () => (await guest.ask(VIP, PORT, 'SET', 'after', '2')) === 'OK');
    serverOn(one, 'kvasir');
    await until('the first server follows the second', async () => {
      const role = await roleAt(one);
      return role.includes(two.address) && role.includes('connected');
    });
    assert.equal(await one.ask('127.0.0.1', PORT, 'GET', 'after'), '2');
    assert.ok(await two.hasAddress(VIP));
    assert.equal(await one.hasAddress(VIP), false);
  });
});
