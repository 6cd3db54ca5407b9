// hostile-peers: a real server whose master, or whose replicas, send whatever comes to their mind: half handshakes, wrong offsets, torn and
// endless data, garbage, lines without end, nothing at all; with one connection for the data and the stream, and with two.
//
// The server must say in the log what is wrong, try again, keep its memory and its disk bounded, serve its clients, and follow, or
// be followed by, a decent server as soon as there is one.

import { datasetDigest } from '../../persistence/digest.js';
import type { Replication } from '../../replication/replication.js';
import type { Prng } from '../../base/prng.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import { linkIsUp, Load, type Node } from './replication.js';
import type { Scenario } from './scenario.js';

const CALM_MS_MAX = 400_000;
const SESSIONS = 25;
const SESSION_MS_MAX = 200_000;
/** Size of a replica's disk: data without end fills it. */
const DISK_BYTES = 6_000_000;
/** Blocks of the stream, beyond the backlog, that a master may keep for replicas that take nothing. */
const STREAM_BYTES_MAX = 3_000_000;
const OUTPUT_LIMIT = 'replica 1000000 0 0';
const ID = 'abcdef0123456789abcdef0123456789abcdef01';
const MARK = 'm'.repeat(40);

/** An RDB file of no keys, as Redis 7 writes it, without a checksum. */
const EMPTY_RDB = Buffer.concat([Buffer.from('REDIS0010'), Buffer.of(0xff), Buffer.alloc(8)]);

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function garbage(random: Prng, bytesMax: number): Uint8Array {
  const isText = random.chance(50);
  return Uint8Array.from({ length: 1 + random.below(bytesMax) }, () =>
    isText ? 32 + random.below(95) : random.below(256),
  );
}

function number(random: Prng): string {
  return random.pick([
    '0',
    '1',
    '-1',
    '7',
    '12345',
    '9007199254740993',
    '18446744073709551616',
    '-9223372036854775809',
    'x',
    '',
    '1e9',
    'NaN',
  ]);
}

/** The bytes after +FULLRESYNC or SYNC. */
function data(random: Prng): (Uint8Array | 'endless' | 'silence')[] {
  const marked = bytesOf(`$EOF:${MARK}\r\n`);
  const torn = EMPTY_RDB.subarray(0, random.below(EMPTY_RDB.length));
  const wrong = Buffer.from(EMPTY_RDB);
  wrong[random.below(wrong.length)]! ^= 1 << random.below(8);
  switch (random.below(14)) {
    case 0:
      return [marked, 'endless'];
    case 1:
      return [bytesOf('$999999999999\r\n'), 'endless'];
    case 2:
      return [marked, EMPTY_RDB, bytesOf('n'.repeat(40)), 'silence'];
    case 3:
      return [marked, torn, bytesOf(MARK)];
    case 4:
      return [bytesOf(`$${torn.length}\r\n`), torn];
    case 5:
      return [bytesOf(`$${EMPTY_RDB.length}\r\n`), wrong, bytesOf('*1\r\n$4\r\nPING\r\n')];
    case 6:
      return [bytesOf(`$${EMPTY_RDB.length + random.below(50)}\r\n`), EMPTY_RDB, 'silence'];
    case 7:
      return [
        bytesOf(
          random.pick([
            '$-1\r\n',
            '$\r\n',
            '$EOF:\r\n',
            `$EOF:${'m'.repeat(400)}\r\n`,
            '+OK\r\n',
            '-ERR no\r\n',
            '$1x\r\n',
          ]),
        ),
      ];
    case 8:
      return [bytesOf('x'.repeat(5000)), 'silence'];
    case 9:
      return [bytesOf('\n'.repeat(500)), 'silence'];
    case 10:
      return [marked, garbage(random, 5000), bytesOf(MARK)];
    case 11:
      return ['silence'];
    default:
      // Sound data, then a stream that is not.
      return [marked, EMPTY_RDB, bytesOf(MARK), ...stream(random)];
  }
}

/** The bytes after the data. Not REPLICAOF and SHUTDOWN: a master may promote and end its replica, as in Redis. */
function stream(random: Prng): (Uint8Array | 'endless' | 'silence')[] {
  return Array.from({ length: 1 + random.below(4) }, () => {
    switch (random.below(11)) {
      case 0:
        return garbage(random, 300);
      case 1:
        return bytesOf('*2\r\n$3\r\nGET\r\n$999999999\r\n');
      case 2:
        return bytesOf('*999999999\r\n');
      case 3:
        return bytesOf('*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n');
      case 4:
        return bytesOf('*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n'.repeat(50));
      case 5:
        return bytesOf(
          '*1\r\n$7\r\nNOTHING\r\n*2\r\n$4\r\nINCR\r\n$1\r\nx\r\n*3\r\n$5\r\nLPUSH\r\n$1\r\nx\r\n$1\r\n1\r\n',
        );
      case 6:
        return bytesOf('*1\r\n$7\r\nDISCARD\r\n*2\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n*0\r\n*-1\r\n');
      case 7:
        return bytesOf('*2\r\n$6\r\nSELECT\r\n$6\r\n999999\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nQUIT\r\n');
      case 8:
        return bytesOf('*1\r\n$4\r\nSYNC\r\n*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n');
      case 9:
        return 'silence';
      default:
        return bytesOf('x'.repeat(200_000));
    }
  });
}

/** One connection that a hostile master has accepted. */
class HostileMaster implements WireEvents {
  private line = '';
  private isOver = false;
  private readonly good: number;

  constructor(
    private readonly host: Host,
    private readonly random: Prng,
    private readonly wire: Wire,
  ) {
    // So many lines of the handshake are answered as they should be.
    this.good = random.below(9);
    if (random.chance(5)) this.play([garbage(random, 200)]);
  }

  private lines = 0;

  onData(bytes: Uint8Array, count: number): void {
    if (this.isOver) return;
    this.line += Buffer.from(bytes.subarray(0, count)).toString('latin1');
    for (let end = this.line.indexOf('\r\n*'); end >= 0 || /\r\n$/.test(this.line); end = this.line.indexOf('\r\n*')) {
      const words = this.line.slice(0, end < 0 ? undefined : end + 2);
      this.line = end < 0 ? '' : this.line.slice(end + 2);
      this.answer(words);
      if (this.isOver || this.line === '') return;
    }
  }

  private answer(words: string): void {
    const { random } = this;
    if (/PSYNC/.test(words)) {
      const id = random.chance(80) ? ID : random.pick(['', 'x', '0'.repeat(40), `${ID}${ID}`]);
      const reply = random.pick([
        `+FULLRESYNC ${id} ${number(random)}\r\n`,
        `+FULLRESYNC ${ID} ${random.below(1e6)}\r\n`,
        `+FULLRESYNC ${ID} ${random.below(1e6)}\r\n`,
        `+CONTINUE ${id}\r\n`,
        '+CONTINUE\r\n',
        // Then the data is asked for on a second connection, which this class answers too.
        `+RDBCHANNELSYNC ${random.chance(80) ? 17 : number(random)}\r\n`,
        '-ERR unknown command\r\n',
        `-${random.pick(['LOADING', 'NOMASTERLINK', 'NOPERM', 'BUSY'])} no\r\n`,
      ]);
      this.wire.write(bytesOf(reply));
      this.play(/^\+[CR]/.test(reply) ? stream(random) : data(random));
    } else if (/SYNC/.test(words)) this.play(data(random));
    else if (this.lines++ < this.good)
      this.wire.write(bytesOf(random.chance(90) ? '+OK\r\n' : random.pick(['\n', '-ERR no\r\n', ':1\r\n'])));
    else this.play([random.chance(50) ? garbage(random, 9000) : 'silence']);
  }

  /** Sends one after the other, then perhaps closes. */
  private play(parts: readonly (Uint8Array | 'endless' | 'silence')[]): void {
    this.isOver = true;
    const [part, ...rest] = parts;
    if (part === 'silence') return;
    if (part === undefined) {
      if (this.random.chance(50)) this.wire.destroy();
      return;
    }
    if (part === 'endless') {
      const pour = (left: number): void => {
        if (left === 0) return;
        this.wire.write(new Uint8Array(200_000));
        this.host.schedule(20, () => pour(left - 1));
      };
      pour(60);
      return;
    }
    this.wire.write(part);
    this.host.schedule(this.random.below(30), () => this.play(rest));
  }

  onDrain(): void {
    return;
  }

  onEnd(): void {
    this.wire.destroy();
  }

  onClose(): void {
    this.isOver = true;
  }
}

function makeNode(
  world: World,
  net: SimulatedNetwork,
  name: string,
  address: string,
  more: Record<string, string | number>,
): Node {
  const host = new Host(world, net, name, address);
  const lines = (line: string): void => world.note(name, `log: ${line}`);
  const settings = {
    save: '',
    'repl-timeout': 5,
    'repl-ping-replica-period': 1,
    'repl-diskless-sync-delay': 0,
    ...more,
  };
  return { host, process: new ServerProcess(host, settings, lines), seen: 0 };
}

function digestOf({ process }: Node): string {
  return Buffer.from(datasetDigest(process.running!.server.keyspace)).toString('hex');
}

function replicationOf({ process }: Node): Replication {
  return process.running!.server.replication as Replication;
}

function areEqual(replica: Node, master: Node): boolean {
  return (
    linkIsUp(replica) &&
    replicationOf(replica).offset === replicationOf(master).offset &&
    digestOf(replica) === digestOf(master)
  );
}

async function runHostileMaster(world: World): Promise<void> {
  const { random } = world;
  const net = new SimulatedNetwork(world);
  const place = new Host(world, net, 'clients', '10.0.0.9');
  place.boot(() => undefined);
  const disk = {
    'repl-backlog-disk-size': random.chance(50) ? 200_000 : 0,
    appendonly: random.chance(30) ? 'yes' : 'no',
    'repl-rdb-channel': random.chance(60) ? 'yes' : 'no',
    'repl-diskless-load': random.pick(['disabled', 'on-empty-db', 'swapdb', 'flush-before-load']),
  };
  const replica = makeNode(world, net, 'replica', '10.0.0.2', { replicaof: '10.0.0.1 6379', ...disk });
  const enemy = new Host(world, net, 'enemy', '10.0.0.1');
  enemy.boot(() => {
    const address = { host: '10.0.0.1', port: 6379, backlog: 10, keepAliveSeconds: () => 0 };
    void enemy.network.listen(address, (wire) => new HostileMaster(enemy, random, wire));
  });
  replica.host.files.capacityBytes = DISK_BYTES;
  replica.process.start();
  await world.run(SESSION_MS_MAX * 2);
  if (!replica.process.serves || replica.process.running!.isClosed) throw new Error('the replica has ended');
  if (replica.host.files.usedBytes() > DISK_BYTES) throw new Error('the disk is overfull');
  enemy.kill();
  const master = makeNode(world, net, 'master', '10.0.0.1', {});
  master.process.start();
  const load = new Load(world, place, master, 'w0');
  await world.run(3000);
  void load.write();
  await world.run(3000);
  load.stop();
  await world.runUntil('the replica follows a decent master', CALM_MS_MAX, () => areEqual(replica, master));
  const left = replica.host.files.list('/data').filter((name) => name.startsWith('temp'));
  if (left.length > 0) throw new Error(`files are left: ${left.join(' ')}`);
}

/** One connection to a master by somebody who says that it is a replica. */
async function attack(world: World, host: Host, target: Node): Promise<void> {
  const { random } = world;
  const replication = replicationOf(target);
  let isOpen = true;
  const wire = host.network.connect(
    { host: target.host.address, port: 6379, timeoutMs: 5000 },
    {
      onOpen: () => undefined,
      onData: () => {
        // It takes no more for a while, or for ever.
        if (random.chance(10)) wire.pauseReading();
      },
      onDrain: () => undefined,
      onEnd: () => wire.destroy(),
      onClose: () => {
        isOpen = false;
      },
    },
  );
  const offset = (): string =>
    random.chance(40) ? String(Math.max(0, replication.offset + random.below(2000) - 1900)) : number(random);
  /** The number of somebody whose data it could take, or of nobody. */
  const client = (): string =>
    random.pick([...[...replication.followers].map((known) => String(known.client.id)), number(random)]);
  const id = (): string => random.pick([replication.id, replication.history.secondId, ID, '?', '', 'x'.repeat(100)]);
  const count = 1 + random.below(12);
  for (let step = 0; step < count && isOpen; step++) {
    const lines = [
      (): string => 'PING\r\n',
      (): string => `REPLCONF listening-port ${number(random)}\r\n`,
      (): string => `REPLCONF capa eof capa psync2 capa ${'x'.repeat(random.below(3000))}\r\n`,
      (): string => 'REPLCONF capa eof capa psync2 capa rdb-channel-repl\r\n',
      (): string => `REPLCONF capa eof rdb-only 1 rdb-channel 1 main-ch-client-id ${client()}\r\n`,
      (): string => `REPLCONF main-ch-client-id ${client()}\r\n`,
      (): string => `REPLCONF ip-address ${'1'.repeat(random.below(1000))}\r\n`,
      (): string =>
        `REPLCONF ${random.pick(['rdb-only 1', 'rdb-filter-only ""', 'rdb-filter-only functions', 'nothing 1', 'ack', 'getack *', 'version 99.x'])}\r\n`,
      (): string => `PSYNC ${id()} ${offset()}\r\n`,
      (): string => `PSYNC ${id()} ${offset()}\r\n`,
      (): string => 'SYNC\r\n',
      (): string => `REPLCONF ACK ${offset()}\r\n`,
      (): string => `REPLCONF ACK ${offset()} FACK ${offset()}\r\n`,
      (): string => `SET stolen ${random.below(100)}\r\nQUIT\r\n`,
      (): string => Buffer.from(garbage(random, 2000)).toString('latin1'),
      (): string => 'x'.repeat(100_000),
      (): string => '*1\r\n$999999999\r\n',
    ];
    const line = random.pick(lines)();
    wire.write(bytesOf(line));
    await world.run(random.below(600));
    // Its answer must be out before PSYNC comes.
    if (line.includes('rdb-channel') && random.chance(70)) {
      wire.write(bytesOf('PSYNC ? -1\r\n'));
      await world.run(random.below(600));
    }
  }
  if (random.chance(60)) wire.destroy();
}

async function runHostileReplicas(world: World): Promise<void> {
  const { random } = world;
  const net = new SimulatedNetwork(world);
  const place = new Host(world, net, 'clients', '10.0.0.9');
  place.boot(() => undefined);
  const enemy = new Host(world, net, 'enemy', '10.0.0.66');
  enemy.boot(() => undefined);
  const master = makeNode(world, net, 'master', '10.0.0.1', {
    'repl-backlog-size': 50_000,
    'repl-backlog-disk-size': random.chance(50) ? 200_000 : 0,
    'repl-diskless-sync': random.chance(50) ? 'yes' : 'no',
    'repl-rdb-channel': random.chance(60) ? 'yes' : 'no',
    'client-output-buffer-limit': OUTPUT_LIMIT,
  });
  const replica = makeNode(world, net, 'replica', '10.0.0.2', {
    replicaof: '10.0.0.1 6379',
    'repl-rdb-channel': random.chance(60) ? 'yes' : 'no',
  });
  master.process.start();
  replica.process.start();
  await world.runUntil('both serve', CALM_MS_MAX, () => master.process.serves && replica.process.serves);
  const load = new Load(world, place, master, 'w0');
  void load.write();
  world.invariants.push(() => {
    const bytes = replicationOf(master).memoryBytes;
    if (bytes > STREAM_BYTES_MAX) throw new Error(`the stream takes ${bytes} bytes`);
  });
  for (let session = 0; session < SESSIONS; session++) await attack(world, enemy, master);
  if (!master.process.serves || master.process.running!.isClosed) throw new Error('the master has ended');
  load.stop();
  enemy.kill();
  await world.runUntil('the decent replica has everything', CALM_MS_MAX, () => areEqual(replica, master));
  await world.runUntil('the others are forgotten', CALM_MS_MAX, () => replicationOf(master).followers.size === 1);
  const left = master.host.files.list('/data').filter((name) => name.startsWith('temp'));
  if (left.length > 0) throw new Error(`files are left: ${left.join(' ')}`);
}

export const hostilePeersScenarios: readonly Scenario[] = [
  {
    name: 'hostile-master',
    description: 'a replica whose master sends garbage, torn and endless data, wrong offsets, or nothing',
    run: runHostileMaster,
  },
  {
    name: 'hostile-replicas',
    description: 'a master whose replicas send garbage, half handshakes and wrong offsets, and take nothing',
    run: runHostileReplicas,
  },
];
