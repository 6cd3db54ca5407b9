// The steps of a failover that take long or go wrong, and servers that are put right, by a machine whose servers answer as the test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, bulk, Stage, status } from '../../test/sentinel/stage.js';
import type { Reply } from '../client/reply.js';
import { startFailover } from './failover.js';
import type { Link } from './instance.js';

/** A server as its INFO shows it. */
interface Server {
  /** Undefined: it is a master. */
  master: string | undefined;
  linkIsUp: boolean;
  /** Its INFO follows the orders that it gets. */
  obeys: boolean;
}

/** The master 10.0.0.1 with replicas from 10.0.0.2 on, of which the first is the best. */
class Servers {
  readonly stage = new Stage();
  /** Orders to follow, in the order in which they came. */
  readonly orders: string[] = [];
  private readonly servers = new Map<string, Server>();
  /** Orders that are given last come after the machine has let the link go. */
  private readonly hosts = new Map<Link, string>();
  /** Links of replicas to a new master come up at once. */
  linksComeUp = true;

  constructor(replicaCount: number) {
    const { state, master } = this.stage;
    master.quorum = 1;
    this.servers.set('10.0.0.1', { master: undefined, linkIsUp: false, obeys: true });
    for (let index = 0; index < replicaCount; index++) {
      const host = `10.0.0.${index + 2}`;
      state.addReplica(master, { host, ip: host, port: 6379 });
      this.servers.set(host, { master: '10.0.0.1', linkIsUp: true, obeys: true });
    }
    this.pass(2000);
  }

  server(number: number): Server {
    return this.servers.get(`10.0.0.${number}`)!;
  }

  pass(ms: number): void {
    this.stage.pass(ms, (args, link) => this.answer(args, link));
  }

  private answer(args: readonly string[], link: Link): Reply | undefined {
    for (const each of this.stage.master.instances()) this.hosts.set(each.link, each.address.host);
    const host = this.hosts.get(link)!;
    const server = this.servers.get(host)!;
    if (args[0] === 'SLAVEOF') {
      this.orders.push(`${host} ${args.slice(1).join(' ')}`);
      if (server.obeys) {
        server.master = args[1] === 'NO' ? undefined : args[1];
        server.linkIsUp = this.linksComeUp;
      }
    }
    if (args[0] !== 'INFO') return alive(args) ?? status('OK');
    if (server.master === undefined) return bulk('role:master\r\n');
    const priority = host === '10.0.0.2' ? 1 : 100;
    return bulk(
      `role:slave\r\nmaster_host:${server.master}\r\nmaster_port:6379\r\nslave_priority:${priority}\r\nmaster_link_status:${server.linkIsUp ? 'up' : 'down'}\r\n`,
    );
  }

  fail(): void {
    startFailover(this.stage.state, this.stage.master, 'forced');
  }

  count(type: string): number {
    return this.stage.events.filter((event) => event.startsWith(`${type} `)).length;
  }
}

test('parallel-syncs replicas follow the new master at a time', () => {
  const servers = new Servers(6);
  servers.stage.master.parallelSyncs = 2;
  servers.linksComeUp = false;
  servers.fail();
  servers.pass(4000);
  assert.deepEqual(servers.orders, ['10.0.0.2 NO ONE', '10.0.0.3 10.0.0.2 6379', '10.0.0.4 10.0.0.2 6379']);
  assert.equal(servers.count('+slave-reconf-inprog'), 2);
  servers.server(3).linkIsUp = true;
  servers.pass(3000);
  assert.equal(servers.count('+slave-reconf-done'), 1);
  assert.deepEqual(servers.orders.slice(3), ['10.0.0.5 10.0.0.2 6379'], 'one has come, one goes');
  for (const number of [4, 5]) servers.server(number).linkIsUp = true;
  servers.linksComeUp = true;
  servers.pass(6000);
  assert.equal(servers.count('+slave-reconf-done'), 5);
  assert.ok(servers.stage.happened('+failover-end'));
  assert.ok(servers.stage.events.includes('+switch-master m 10.0.0.1 6379 10.0.0.2 6379'));
});

test('a replica that does not take the new master is left after slave-reconf-timeout', () => {
  const servers = new Servers(2);
  servers.server(3).obeys = false;
  servers.fail();
  servers.pass(9000);
  assert.equal(servers.stage.happened('-slave-reconf-sent-timeout'), false);
  servers.pass(6000);
  assert.equal(servers.count('-slave-reconf-sent-timeout'), 1);
  assert.ok(servers.stage.happened('+failover-end'));
  assert.equal(servers.stage.happened('+failover-end-for-timeout'), false);
});

test('after failover-timeout the failover ends, and all replicas that are left get the new master at once', () => {
  const servers = new Servers(4);
  servers.linksComeUp = false;
  servers.stage.master.failoverTimeoutMs = 5000;
  servers.fail();
  servers.pass(4000);
  assert.equal(servers.orders.length, 2, 'one at a time');
  servers.pass(6000);
  // The one that is still busy gets it again, which changes nothing.
  assert.deepEqual(
    servers.orders.slice(2).map((order) => order.split(' ')[0]),
    ['10.0.0.3', '10.0.0.4', '10.0.0.5'],
  );
  assert.equal(servers.count('+slave-reconf-sent-be'), 3);
  const ends = servers.stage.events.filter((event) => /^\+(failover-end|switch-master)/.test(event));
  assert.deepEqual(
    ends.map((event) => event.split(' ')[0]),
    ['+failover-end-for-timeout', '+failover-end', '+switch-master'],
  );
});

test('a replica that does not become a master in failover-timeout ends the attempt', () => {
  const servers = new Servers(2);
  servers.stage.master.failoverTimeoutMs = 5000;
  servers.server(2).obeys = false;
  servers.fail();
  servers.pass(4000);
  assert.ok(servers.stage.happened('+failover-state-wait-promotion'));
  servers.pass(4000);
  assert.ok(servers.stage.happened('-failover-abort-slave-timeout'));
  assert.equal(servers.stage.master.failsOver, false);
  assert.equal(servers.stage.happened('+switch-master'), false);
  assert.ok([...servers.stage.master.replicas.values()].every(({ isPromoted }) => !isPromoted));
});

test('a master that comes back is made a replica, but not before the others had the time to say who is the master', () => {
  const servers = new Servers(2);
  servers.fail();
  servers.pass(8000);
  assert.equal(servers.stage.master.address.host, '10.0.0.2');
  servers.pass(12_000);
  assert.equal(servers.count('+convert-to-slave'), 1);
  assert.equal(servers.orders.at(-1), '10.0.0.1 10.0.0.2 6379');
  // Somebody makes a replica a master by hand.
  servers.server(3).master = undefined;
  servers.pass(7000);
  assert.equal(servers.count('+convert-to-slave'), 1);
  servers.pass(20_000);
  assert.equal(servers.count('+convert-to-slave'), 2);
  assert.equal(servers.server(3).master, '10.0.0.2');
});

test('a replica that somebody points elsewhere is put right after failover-timeout', () => {
  const servers = new Servers(2);
  servers.stage.master.failoverTimeoutMs = 30_000;
  servers.server(3).master = '10.9.9.9';
  servers.pass(25_000);
  assert.deepEqual(servers.orders, []);
  servers.pass(30_000);
  assert.equal(servers.count('+fix-slave-config'), 1);
  assert.deepEqual(servers.orders, ['10.0.0.3 10.0.0.1 6379']);
});

test('a master that was made a replica by others is down after its time and two periods of INFO', () => {
  const servers = new Servers(1);
  const { stage } = servers;
  stage.master.downAfterMs = 3000;
  // It answers, and so does its new master; both say the same.
  servers.server(1).master = '10.0.0.2';
  servers.server(2).obeys = false;
  servers.pass(20_000);
  assert.ok(stage.events.includes('-role-change master m 10.0.0.1 6379 new reported role is slave'));
  assert.equal(stage.master.isDown, false);
  servers.pass(15_000);
  assert.ok(stage.happened('+sdown') && stage.happened('+odown') && stage.happened('+try-failover'));
});

test('the notification script gets the name and the text of each warning, and of nothing else', () => {
  const servers = new Servers(1);
  const { stage } = servers;
  stage.master.notificationScript = '/notify';
  stage.events.length = 0;
  servers.fail();
  servers.pass(8000);
  const scripts = stage.scripts.map(([path, ...words]) => `${path} ${words.join('|')}`);
  for (const expected of [
    '/notify +try-failover|master m 10.0.0.1 6379',
    '/notify +promoted-slave|slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379',
    '/notify +switch-master|m 10.0.0.1 6379 10.0.0.2 6379',
  ])
    assert.ok(scripts.includes(expected), scripts.join('\n'));
  assert.ok(stage.happened('+slave'), 'an event that is no warning');
  assert.ok(!scripts.some((script) => script.includes(' +slave|')));
});
