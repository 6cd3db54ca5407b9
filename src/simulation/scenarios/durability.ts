// durability: one server under load that is killed, loses power, and fills its disk; then the data is compared with what clients
// were promised.
//
// Each writer has a counter, a list and a pair of keys of its own, and writes to them one command after the other, so it knows
// which values they may have: at least the last one that was acknowledged in time, at most the last one that was tried. A list must
// hold every element up to that once, in order, and a pair, written by MULTI, must be equal.

import type { SimulatedFiles } from '../../io/files-simulated.js';
import { Lost, replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { type Directives, ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const WRITERS = 4;
const ROUNDS = 6;
const RETRY_MS = 50;
const MEAN_PAUSE_MS = 20;
const VERIFY_MS_MAX = 60_000;
/** `everysec` promises what is a second old; a sync that runs may delay the next by another, and a slow disk by its own time. */
const EVERYSEC_MS = 2000;
const SYNC_MS_MAX = 40;

type Policy = 'always' | 'everysec' | 'rdb';

/** One writer's attempts and their replies for one kind of key. */
class Register {
  tried = 0;
  /** Acknowledged values with the time of the acknowledgement, newest last. */
  private acknowledged: { readonly value: number; readonly atMs: number }[] = [];

  acknowledge(value: number, atMs: number): void {
    this.acknowledged.push({ value, atMs });
  }

  /** The last value that was acknowledged at `atMs` or before. */
  promisedAt(atMs: number): number {
    for (let index = this.acknowledged.length - 1; index >= 0; index--)
      if (this.acknowledged[index]!.atMs <= atMs) return this.acknowledged[index]!.value;
    return 0;
  }

  /** The value was read: it is known again, also where a command was lost. */
  settle(value: number, atMs: number): void {
    this.tried = value;
    this.acknowledge(value, atMs);
  }

  /** The value was read after a crash: earlier acknowledgements no longer matter. It counts as promised since `atMs`. */
  restart(value: number, atMs: number): void {
    this.tried = value;
    this.acknowledged = [{ value, atMs }];
  }
}

class Writer {
  readonly counter = new Register();
  readonly list = new Register();
  readonly pair = new Register();
  private readonly client: SimulatedClient;
  private isStopped = false;

  constructor(
    private readonly world: World,
    host: Host,
    private readonly server: ServerProcess,
    readonly name: string,
  ) {
    this.client = new SimulatedClient(host, name);
  }

  start(): void {
    this.isStopped = false;
    void this.writeOn();
  }

  stop(): void {
    this.isStopped = true;
    this.client.close();
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.client.host.schedule(ms, resolve));
  }

  private async writeOn(): Promise<void> {
    const { random } = this.world;
    while (!this.isStopped) {
      try {
        if (!this.client.isOpen) await this.client.connect({ host: this.server.host, port: this.server.port });
        const kind = random.below(3);
        if (kind === 0) await this.write(this.counter, 'INCR', `${this.name}:counter`);
        else if (kind === 1) await this.write(this.list, 'RPUSH', `${this.name}:list`, String(this.list.tried + 1));
        else await this.writePair();
      } catch (error) {
        if (!(error instanceof Lost)) this.world.fail(error as Error);
        // Nobody knows what came of the last command: the next value is decided when it has been looked up.
        do {
          this.client.close();
          await this.wait(RETRY_MS);
        } while (!this.isStopped && !(await this.lookUp()));
      }
      await this.wait(random.below(MEAN_PAUSE_MS * 2));
    }
  }

  /** One command that makes a register's value one more. */
  private async write(register: Register, ...command: string[]): Promise<void> {
    const value = register.tried + 1;
    register.tried = value;
    const reply = replyText(await this.client.call(...command));
    if (reply.startsWith('-')) {
      // Refused: it has not happened.
      register.tried = value - 1;
      throw new Lost(reply);
    }
    if (Number(reply) !== value) throw new Error(`${command.join(' ')} replied ${reply}, expected ${value}`);
    register.acknowledge(value, this.world.nowMs);
  }

  private async writePair(): Promise<void> {
    const value = this.pair.tried + 1;
    this.pair.tried = value;
    const replies = await Promise.all([
      this.client.call('MULTI'),
      this.client.call('SET', `${this.name}:first`, String(value)),
      this.client.call('SET', `${this.name}:second`, String(value)),
      this.client.call('EXEC'),
    ]);
    const reply = replyText(replies[3]);
    if (reply.startsWith('-')) {
      this.pair.tried = value - 1;
      throw new Lost(reply);
    }
    this.pair.acknowledge(value, this.world.nowMs);
  }

  /**
   * Reads all values and checks them against the promises until `promisedUntilMs`. After a crash they count as promised since
   * `foundSinceMs`. False: could not ask.
   */
  async lookUp(promisedUntilMs = this.world.nowMs, foundSinceMs?: number): Promise<boolean> {
    try {
      if (!this.client.isOpen) await this.client.connect({ host: this.server.host, port: this.server.port });
      const [counter, list, first, second] = await Promise.all([
        this.client.call('GET', `${this.name}:counter`),
        this.client.call('LRANGE', `${this.name}:list`, '0', '-1'),
        this.client.call('GET', `${this.name}:first`),
        this.client.call('GET', `${this.name}:second`),
      ]);
      const texts = [counter, list, first, second].map(replyText);
      if (texts.some((text) => text.startsWith('-'))) return false;
      if (foundSinceMs === undefined && !this.isCurrent) return false;
      const value = (text: string): number => (text === '(nil)' ? 0 : Number(text));
      if (texts[2] !== texts[3]) throw new Error(`${this.name}: half a transaction: ${texts[2]} and ${texts[3]}`);
      const items = texts[1] === '[]' ? [] : texts[1]!.slice(1, -1).split(' ').map(Number);
      items.forEach((item, index) => {
        if (item !== index + 1) throw new Error(`${this.name}:list has ${item} at ${index}`);
      });
      this.check('counter', this.counter, value(texts[0]!), promisedUntilMs, foundSinceMs);
      this.check('list', this.list, items.length, promisedUntilMs, foundSinceMs);
      this.check('pair', this.pair, value(texts[2]!), promisedUntilMs, foundSinceMs);
      return true;
    } catch (error) {
      if (error instanceof Lost) return false;
      this.world.fail(error as Error);
      return false;
    }
  }

  /** False while a crash has not been checked yet: only the checker may settle values then. */
  isCurrent = true;

  private check(
    what: string,
    register: Register,
    value: number,
    promisedUntilMs: number,
    foundSinceMs: number | undefined,
  ): void {
    const promised = register.promisedAt(promisedUntilMs);
    if (value < promised)
      throw new Error(`${this.name}:${what} is ${value}, but ${promised} was acknowledged: data was lost`);
    if (value > register.tried)
      throw new Error(`${this.name}:${what} is ${value}, but only ${register.tried} was tried`);
    if (foundSinceMs === undefined) register.settle(value, this.world.nowMs);
    else register.restart(value, foundSinceMs);
  }
}

export interface DurabilityOptions {
  readonly policy: Policy;
  /** For tests of the simulation itself: breaks something, so that a run must fail. */
  readonly plant?: (process: ServerProcess) => void;
}

function directivesOf(policy: Policy, world: World): Directives {
  const slowly = world.random.chance(50) ? world.random.below(400) : 0;
  const common = { 'rdb-key-save-delay': slowly, 'auto-aof-rewrite-min-size': 4096, 'auto-aof-rewrite-percentage': 50 };
  if (policy === 'rdb') return { ...common, save: '1 1', appendonly: 'no' };
  return { ...common, save: world.random.chance(50) ? '2 5' : '', appendonly: 'yes', appendfsync: policy };
}

export async function runDurability(world: World, { policy, plant }: DurabilityOptions): Promise<void> {
  const net = new SimulatedNetwork(world);
  const machine = new Host(world, net, 'server', '10.0.0.1');
  const place = new Host(world, net, 'clients', '10.0.0.2');
  machine.syncMs = () => 0.1 + world.random.unit() * (world.random.chance(10) ? SYNC_MS_MAX : 2);
  place.boot(() => undefined);
  const server = new ServerProcess(machine, directivesOf(policy, world));
  plant?.(server);
  const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(world, place, server, `w${index}`));
  let savedUntilMs = -Infinity;
  let foundSinceMs = -Infinity;
  const saves = new SaveWatch(world, machine, server);
  if (policy === 'rdb') world.invariants.push(() => saves.look());
  for (let round = 0; round < ROUNDS; round++) {
    server.start();
    await world.runUntil('the server serves', VERIFY_MS_MAX, () => server.serves);
    if (round > 0) await verify(world, writers, savedUntilMs, foundSinceMs);
    for (const writer of writers) {
      writer.isCurrent = true;
      writer.start();
    }
    await world.run(200 + world.random.below(4000));
    let troubleMs = Infinity;
    if (world.random.chance(30)) {
      troubleMs = world.nowMs;
      await fillDisk(world, machine.files);
    }
    if (world.random.chance(30)) {
      machine.pause();
      await world.run(world.random.below(500));
      machine.resume();
    }
    if (world.random.chance(20)) net.partition([machine], [place]);
    await world.run(world.random.below(300));
    for (const writer of writers) writer.isCurrent = false;
    const wasKilled = world.random.chance(50);
    savedUntilMs = crash(world, machine, policy, saves.savedUntilMs, wasKilled);
    // Data of a killed process may be in the system's cache alone, where `everysec` leaves it for a while.
    foundSinceMs = wasKilled && policy === 'everysec' ? world.nowMs : -Infinity;
    // A write that the disk refuses is kept and tried again; `everysec` has acknowledged it by then.
    if (policy === 'everysec') savedUntilMs = Math.min(savedUntilMs, troubleMs);
    for (const writer of writers) writer.stop();
    net.heal();
    await world.run(100);
  }
}

/** Ends the process one way or the other; returns up to which time its promises must be kept. */
function crash(world: World, machine: Host, policy: Policy, snapshotMs: number, isKill: boolean): number {
  const { nowMs } = world;
  const savedMs = policy === 'rdb' ? snapshotMs : nowMs;
  if (isKill) {
    machine.kill();
    return savedMs;
  }
  machine.powerOff();
  return policy === 'everysec' ? nowMs - EVERYSEC_MS - 2 * SYNC_MS_MAX : savedMs;
}

/** Follows the snapshots of a server: what was there when the last complete one was begun is safe. */
class SaveWatch {
  /** The world's time at which the last complete snapshot was begun. */
  savedUntilMs = -Infinity;
  private running: { readonly startedMs: number } | undefined;
  private lastSaveMs = 0;

  constructor(
    private readonly world: World,
    private readonly machine: Host,
    private readonly server: ServerProcess,
  ) {}

  look(): void {
    const rdb = this.server.serves ? this.server.running!.server.persistence.rdb : undefined;
    if (rdb === undefined) {
      this.running = undefined;
      return;
    }
    if (this.running !== undefined && rdb.current !== this.running && rdb.lastSaveMs > this.lastSaveMs) {
      // Both readings of the clock are whole milliseconds, so the snapshot may have begun one earlier.
      this.savedUntilMs = this.running.startedMs - this.machine.clock.wallMs() - 1 + this.world.nowMs;
      this.world.note(this.machine.name, `saved what was there at ${(this.savedUntilMs / 1000).toFixed(3)}`);
    }
    this.lastSaveMs = rdb.lastSaveMs;
    this.running = rdb.current ?? undefined;
  }
}

/** The disk is full for a while: writes are refused, and nothing that was acknowledged is lost by it. */
async function fillDisk(world: World, files: SimulatedFiles): Promise<void> {
  world.note('server', 'disk full');
  files.capacityBytes = files.usedBytes() + world.random.below(2000);
  await world.run(world.random.below(1500));
  files.capacityBytes = Infinity;
  world.note('server', 'disk has room');
  await world.run(world.random.below(1500));
}

async function verify(
  world: World,
  writers: readonly Writer[],
  promisedUntilMs: number,
  foundSinceMs: number,
): Promise<void> {
  const done = new Set<string>();
  for (const writer of writers) {
    const ask = async (): Promise<void> => {
      while (!(await writer.lookUp(promisedUntilMs, foundSinceMs)))
        await new Promise<void>((resolve) => void world.schedule(RETRY_MS, resolve));
      done.add(writer.name);
    };
    void ask();
  }
  await world.runUntil('all values are checked', VERIFY_MS_MAX, () => done.size === writers.length);
}

export const durabilityScenarios: readonly Scenario[] = (['always', 'everysec', 'rdb'] as const).map((policy) => ({
  name: `durability-${policy}`,
  description: `one server with ${policy === 'rdb' ? 'RDB snapshots' : `AOF and appendfsync ${policy}`}: load, crashes, power loss, full disk`,
  run: (world) => runDurability(world, { policy }),
}));
