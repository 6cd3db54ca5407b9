// replication-roles: servers that change roles: promotions, chains, split brains, restarts after crashes and power cuts, with and without
// AOF, RDB and backlog on disk. Whatever happens, equal names and offsets mean equal data.
//
// A replication id and an offset name a state of the data. So whenever a server stands at such a place, the digest of its data is
// compared with that of whoever stood there before. A partial resync that should not have been granted, and a replica that
// shows what its master never had, are found as soon as the data differs.

import { datasetDigest } from '../../persistence/digest.js';
import type { Replication } from '../../replication/replication.js';
import { Lost, replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import { linkIsUp, Load, type Node } from './replication.js';
import type { Scenario } from './scenario.js';

const NODES = 4;
const WRITERS = 2;
const FAULTS = 10;
const CALM_MS_MAX = 400_000;
const RETRY_MS = 200;
/** One of so many places is looked at. */
const CHOSEN = 13;
/** A full disk leaves room for so little. */
const ROOM_BYTES_MAX = 20_000;

type Settings = Record<string, string | number>;

interface Member extends Node {
  readonly settings: Settings;
  /** Undefined: it is a master. */
  follows: Member | undefined;
}

function makeMember(world: World, net: SimulatedNetwork, index: number): Member {
  const { random } = world;
  const host = new Host(world, net, `n${index}`, `10.0.0.${index + 1}`);
  const settings: Settings = {
    save: random.chance(50) ? '1 1' : '',
    appendonly: random.chance(50) ? 'yes' : 'no',
    appendfsync: random.pick(['always', 'everysec', 'no']),
    'auto-aof-rewrite-min-size': random.chance(30) ? 4096 : 1 << 26,
    'repl-timeout': 5,
    'repl-ping-replica-period': 1,
    'repl-diskless-sync': random.chance(50) ? 'yes' : 'no',
    'repl-diskless-sync-delay': 0,
    'repl-rdb-channel': random.chance(40) ? 'yes' : 'no',
    'repl-diskless-load': random.pick(['disabled', 'disabled', 'on-empty-db', 'swapdb', 'flush-before-load']),
    'repl-backlog-size': random.chance(60) ? 16_384 : 1 << 20,
    'repl-backlog-disk-size': random.chance(60) ? random.pick([100_000, 1_000_000]) : 0,
    'repl-backlog-ttl': random.chance(20) ? 1 : 3600,
  };
  const lines = (line: string): void => {
    if (/resync|backlog|Synchroni|DB |SYNC|saving/i.test(line)) world.note(host.name, `log: ${line}`);
  };
  world.note(host.name, `log: ${JSON.stringify(settings)}`);
  return { host, process: new ServerProcess(host, settings, lines), settings, follows: undefined, seen: 0 };
}

/** Compares the data of all servers at equal places. */
class Places {
  private readonly digests = new Map<string, { readonly digest: string; readonly who: string }>();
  private readonly last = new Map<Member, string>();

  constructor(private readonly members: readonly Member[]) {}

  look(): void {
    for (const member of this.members) {
      const server = member.process.serves ? member.process.running!.server : undefined;
      const replication = server?.replication as Replication | undefined;
      if (server === undefined || replication === undefined || server.loading || member.process.running!.isClosed)
        continue;
      const { stream, id, offset } = replication.history;
      // A replica without the data of its master stands nowhere.
      if (stream === undefined || (!replication.isMaster && !replication.hasHistory)) continue;
      const place = `${id}:${offset}`;
      if (this.last.get(member) === place) continue;
      this.last.set(member, place);
      // A digest takes long, and the same places are chosen for all.
      if (offset % CHOSEN !== 0) continue;
      const digest = digestOf(member);
      const known = this.digests.get(place);
      if (known === undefined) this.digests.set(place, { digest, who: member.host.name });
      else if (known.digest !== digest)
        throw new Error(`${member.host.name} at ${place} has other data than ${known.who} had there`);
    }
  }
}

function digestOf({ process }: Member): string {
  return Buffer.from(datasetDigest(process.running!.server.keyspace)).toString('hex');
}

function offsetOf({ process }: Member): number {
  return process.running!.server.replication!.offset;
}

/** Gives a server its role, now and after restarts; waits until it has taken it. */
async function assign(world: World, place: Host, member: Member, master: Member | undefined): Promise<void> {
  member.follows = master;
  if (master === undefined) delete member.settings.replicaof;
  else member.settings.replicaof = `${master.host.address} 6379`;
  let isDone = false;
  const tell = async (): Promise<void> => {
    const client = new SimulatedClient(place, 'admin');
    while (!isDone && member.follows === master) {
      try {
        // A server that was started since has it from its configuration.
        if (!client.isOpen) await client.connect({ host: member.host, port: 6379 });
        const words = master === undefined ? ['NO', 'ONE'] : [master.host.address, '6379'];
        isDone = replyText(await client.call('REPLICAOF', ...words)).startsWith('OK');
      } catch (error) {
        if (!(error instanceof Lost)) world.fail(error as Error);
        client.close();
      }
      if (!isDone) await new Promise<void>((resolve) => void place.schedule(RETRY_MS, resolve));
    }
    client.close();
  };
  void tell();
  await world.run(world.random.below(300));
}

async function restart(world: World, member: Member, how: 'kill' | 'power' | 'shutdown', place: Host): Promise<void> {
  if (how === 'shutdown' && member.process.serves) {
    const client = new SimulatedClient(place, 'admin');
    const { running } = member.process;
    void client
      .connect({ host: member.host, port: 6379 })
      .then(() => client.call('SHUTDOWN', ...(world.random.chance(50) ? ['SAVE'] : [])))
      .catch(() => undefined);
    await world.run(15_000, () => running!.isClosed);
    await world.run(500);
    client.close();
  }
  if (how === 'power') member.host.powerOff();
  else member.host.kill();
  await world.run(world.random.below(3000));
  member.process.start();
  await world.runUntil(`${member.host.name} serves again`, CALM_MS_MAX, () => member.process.serves);
}

async function breakSomething(
  world: World,
  net: SimulatedNetwork,
  members: readonly Member[],
  place: Host,
): Promise<void> {
  const { random } = world;
  const victim = random.pick(members);
  const kind = random.below(10);
  if (kind < 2) {
    const others = members.filter((other) => other !== victim).map(({ host }) => host);
    if (kind === 0) net.partition([victim.host], others);
    else net.cutOneWay(victim.host, random.pick(members).host);
    await world.run(random.below(12_000));
    net.heal();
  } else if (kind === 2) {
    victim.host.pause();
    await world.run(random.below(8000));
    victim.host.resume();
  } else if (kind === 3) {
    const { files } = victim.host;
    files.capacityBytes = files.usedBytes() + random.below(ROOM_BYTES_MAX);
    await world.run(random.below(3000));
    files.capacityBytes = Infinity;
  } else if (kind < 7) await restart(world, victim, random.pick(['kill', 'power', 'shutdown']), place);
  else if (kind === 7 && victim.follows !== undefined) {
    // A replica that goes elsewhere, never into a circle.
    const target = random.pick(members);
    if (!isBelow(target, victim)) await assign(world, place, victim, target);
  } else {
    // A promotion; the old master may stay one for a while, with writes of its own.
    const others = members.filter((other) => other !== victim);
    await assign(world, place, victim, undefined);
    for (const other of others) {
      if (random.chance(30)) continue;
      if (!isBelow(victim, other)) await assign(world, place, other, victim);
    }
    await world.run(random.below(3000));
  }
}

/** Whether `member` is `above`, or follows it in some steps. */
function isBelow(member: Member, above: Member): boolean {
  for (let at: Member | undefined = member; at !== undefined; at = at.follows) if (at === above) return true;
  return false;
}

async function run(world: World): Promise<void> {
  const net = new SimulatedNetwork(world);
  const { random } = world;
  const members = Array.from({ length: NODES }, (_, index) => makeMember(world, net, index));
  const place = new Host(world, net, 'clients', '10.0.0.99');
  place.boot(() => undefined);
  for (const [index, member] of members.entries()) {
    if (index > 0) {
      member.follows = members[random.below(index)]!;
      member.settings.replicaof = `${member.follows.host.address} 6379`;
    }
    member.process.start();
  }
  const places = new Places(members);
  world.invariants.push(() => places.look());
  await world.runUntil('all serve', CALM_MS_MAX, () => members.every(({ process }) => process.serves));
  // Each writer has a server of its own; a replica refuses.
  const loads = members.flatMap((member, index) =>
    Array.from(
      { length: index === 0 ? WRITERS : 1 },
      (_, count) => new Load(world, place, member, `w${index}${count}`),
    ),
  );
  for (const load of loads) void load.write();
  for (let fault = 0; fault < FAULTS; fault++) {
    await world.run(random.below(4000));
    await breakSomething(world, net, members, place);
  }

  for (const load of loads) load.stop();
  const master = random.pick(members);
  await assign(world, place, master, undefined);
  const order = [master];
  for (const member of members) {
    if (member === master) continue;
    await assign(world, place, member, random.pick(order));
    order.push(member);
  }
  const isCalm = (): boolean =>
    order.every((member, index) => index === 0 || (linkIsUp(member) && offsetOf(member) === offsetOf(master)));
  await world.runUntil(
    'all replicas have caught up',
    CALM_MS_MAX,
    () => members.every(({ process }) => process.serves) && isCalm(),
  );
  // Keys with a time to live go one by one.
  await world.run(5000);
  await world.runUntil('all replicas have caught up again', CALM_MS_MAX, isCalm);
  for (const member of order)
    if (digestOf(member) !== digestOf(master)) throw new Error(`${member.host.name} differs from ${master.host.name}`);
}

export const replicationRolesScenario: Scenario = {
  name: 'replication-roles',
  description:
    'four servers that follow each other: promotions, split brains, crashes, power cuts; equal places, equal data',
  run,
};
