// migrations: MIGRATE: keys go to another server while this one serves all other clients.
//
// redis-server does nothing else until the other side has answered. Here a key that is under way can be read, and commands that
// would write it wait until it has gone or is known to stay; so MIGRATE is as atomic as in redis-server. An
// unforeseen write (a script's undeclared key) is noticed, and the key is sent again in its new state.
//
// Keys are dumped as the connection takes them, so that a request with many keys takes neither a long turn nor much memory.

import { latin1, utf8 } from '../base/bytes.js';
import type { LogLevel } from '../base/log-level.js';
import type { Clock } from '../io/clock.js';
import type { Environment } from '../io/environment.js';
import type { Database } from '../keyspace/database.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { EventClass } from '../keyspace/events.js';
import { dumpEntry } from '../persistence/commands/dump.js';
import { payloadWriter } from '../persistence/rdb/writer.js';
import { argumentsOf, Call } from '../registry/call.js';
import { type Command, commandFlags } from '../registry/command.js';
import { findKeys, FoundKeys } from '../registry/find-keys.js';
import type { Client } from '../service/clients/client.js';
import { Gate } from '../service/clients/client.js';
import type { Config } from '../service/config/config.js';
import { OutgoingTls } from '../service/doors/outgoing-tls.js';
import type { ServerCall } from './call.js';
import type { CommandQueue } from './command-queue.js';
import type { Effects } from './effects.js';
import type { Hooks } from './hooks.js';
import { type LinkFailure, type LinkRequest, type MigrationLink, MigrationLinks } from './migration-link.js';

const UNSENT_BYTES_MAX = 1024 * 1024;
const SLICE_MS = 2;
const RESENDS_MAX = 8;

export interface MigrationsHost {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  readonly options: { readonly environment: Environment };
  readonly effects: Effects;
  readonly hooks: Hooks;
  readonly mode: string;
  readonly config: Config;
  log(level: LogLevel, text: string): void;
  gates: number;
  readonly transactions: { queueOf(client: Client): CommandQueue | undefined };
  beginTurn(): void;
  updateListening(): void;
  serveReady(): void;
  replay(client: Client, args: readonly Uint8Array[]): void;
}

/** The arguments of MIGRATE. */
export interface MigrationRequest {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly timeoutMs: number;
  readonly copies: boolean;
  readonly replaces: boolean;
  /** Words after AUTH, if the other side wants them. */
  readonly credentials: readonly Uint8Array[];
  readonly source: Database;
  readonly keys: readonly Uint8Array[];
  /** The command to send instead of RESTORE: one whose keys always replace. */
  readonly restoreWord?: string;
}

export interface MovingKey {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** It was written while it was under way. */
  hasChanged: boolean;
  resends: number;
}

export class Migrations {
  private readonly links: MigrationLinks;
  private readonly moving = new Map<string, MovingKey>();
  private readonly putOffCalls = new Map<Client, readonly Uint8Array[]>();
  private waiting: (() => void)[] = [];
  private readonly found = new FoundKeys();

  constructor(readonly server: MigrationsHost) {
    const tls = new OutgoingTls(server.config, (level, text) => server.log(level, text));
    const usesTls = server.config.flag('tls-cluster');
    const { network } = server.options.environment;
    this.links = new MigrationLinks(server.clock, (target, events) =>
      usesTls.value ? tls.dial(target.host, target.port, events) : network.connect(target, events),
    );
    server.hooks.ticks.push(() => this.links.tick());
    server.hooks.stops.push(() => {
      this.links.stop();
      return Promise.resolve();
    });
  }

  /** Connections that are open or kept. */
  get connectionCount(): number {
    return this.links.count;
  }

  /** Whether keys are under way. */
  get isActive(): boolean {
    return this.moving.size > 0;
  }

  /**
   * Moves keys; `done` gets the error, or nothing, and how many keys have gone. None of the keys is under way already.
   */
  start(request: MigrationRequest, done: (error: string | undefined, movedCount: number) => void): void {
    const keys = this.claim(request.source.index, request.keys);
    new Migration(this, this.links, request, keys, (error, movedCount) => {
      for (const { name } of keys) this.moving.delete(name);
      done(error, movedCount);
      this.settled();
    }).begin(true);
  }

  /** Writes to these keys wait from now on, until `release`. None of them is under way already. */
  claim(database: number, names: readonly Uint8Array[]): MovingKey[] {
    const keys = new Map<string, MovingKey>();
    for (const bytes of names) {
      const name = nameOf(database, bytes, 0, bytes.length);
      keys.set(name, { bytes, name, hasChanged: false, resends: 0 });
    }
    for (const [name, key] of keys) this.moving.set(name, key);
    this.server.gates |= Gate.MOVING;
    this.server.updateListening();
    return [...keys.values()];
  }

  /** They have gone, or stay; waiting clients go on in another turn. */
  release(keys: readonly MovingKey[]): void {
    for (const { name } of keys) this.moving.delete(name);
    this.settled();
  }

  isMoving(database: number, key: Uint8Array): boolean {
    return this.moving.size > 0 && this.moving.has(nameOf(database, key, 0, key.length));
  }

  /** Runs `proceed` when some of the keys that are under way no longer are. */
  whenSettled(proceed: () => void): void {
    this.waiting.push(proceed);
  }

  private settled(): void {
    const { server } = this;
    if (!this.isActive) server.gates &= ~Gate.MOVING;
    server.updateListening();
    const { waiting } = this;
    this.waiting = [];
    for (const proceed of waiting) {
      server.clock.soon(() => {
        server.beginTurn();
        proceed();
      });
    }
    for (const [client, args] of [...this.putOffCalls]) {
      this.putOffCalls.delete(client);
      server.clock.soon(() => {
        client.paused = false;
        server.replay(client, args);
        client.connection?.proceed();
      });
    }
  }

  // --- the gate -----------------------------------------------------------------------------------------------------

  /** Whether a command must wait for keys that are under way. */
  holds(client: Client, command: Command<ServerCall>, call: ServerCall, flags: number): boolean {
    if (command.name === 'exec') {
      const reader = this.server.transactions.queueOf(client)?.reader();
      const queued = new Call<Database, unknown, Client>();
      while (reader?.hasNext === true) {
        const each = reader.next(queued);
        if (this.touches(each, queued, client.databaseIndex, each.flags)) return true;
      }
      return false;
    }
    return this.touches(command, call, client.databaseIndex, flags);
  }

  private touches(command: Command<ServerCall>, call: ServerCall, database: number, flags: number): boolean {
    if ((flags & (commandFlags.write | commandFlags.may_replicate)) === 0) return false;
    if (command.name === 'flushall' || command.name === 'flushdb' || command.name === 'swapdb') return true;
    if (!findKeys(command, call, false, this.found)) return false;
    for (let index = 0; index < this.found.count; index++) {
      const at = this.found.indexes[index]!;
      if (this.moving.has(nameOf(database, call.bytes, call.starts[at]!, call.lengths[at]!))) return true;
    }
    return false;
  }

  putOff(client: Client, call: ServerCall): void {
    this.putOffCalls.set(client, argumentsOf(call));
    client.paused = true;
  }

  forget(client: Client): void {
    this.putOffCalls.delete(client);
  }

  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void {
    if (this.moving.size === 0) return;
    const moving = this.moving.get(nameOf(database, key, offset, length));
    if (moving !== undefined) moving.hasChanged = true;
  }
}

/** One MIGRATE. */
class Migration implements LinkRequest {
  readonly timeoutMs: number;
  private link!: MigrationLink;
  private mayRetry = true;
  private isOver = false;
  /** The key that is sent next. */
  private next = 0;
  /** The subject of each outstanding reply. */
  private readonly expected: ('auth' | 'select' | 'asking' | 'gone' | MovingKey)[] = [];
  private error: string | undefined;
  private isLoginRefused = false;
  private movedCount = 0;

  constructor(
    private readonly owner: Migrations,
    private readonly links: MigrationLinks,
    private readonly request: MigrationRequest,
    private readonly keys: readonly MovingKey[],
    private readonly done: (error: string | undefined, movedCount: number) => void,
  ) {
    this.timeoutMs = request.timeoutMs;
  }

  begin(mayRetry: boolean): void {
    const { request } = this;
    this.mayRetry = mayRetry;
    this.next = 0;
    this.expected.length = 0;
    this.link = this.links.get(request.host, request.port, request.timeoutMs);
    this.link.join(this);
    if (request.credentials.length > 0) this.send('auth', ['AUTH', ...request.credentials]);
    if (this.link.database !== request.database) {
      this.link.database = request.database;
      this.send('select', ['SELECT', String(request.database)]);
    }
    this.pump();
  }

  private send(about: (typeof this.expected)[number], words: readonly (Uint8Array | string)[]): void {
    this.expected.push(about);
    this.link.send(this, encodeCommand(words));
  }

  drained(): void {
    this.pump();
  }

  /** Sends keys as long as the connection takes them. */
  private pump(): void {
    if (this.isOver) return;
    const { clock } = this.owner.server;
    const endMs = clock.steadyMs() + SLICE_MS;
    while (this.next < this.keys.length && this.link.unsentBytes < UNSENT_BYTES_MAX) {
      this.sendKey(this.keys[this.next++]!, this.request.replaces);
      if (clock.steadyMs() < endMs || this.next === this.keys.length) continue;
      clock.soon(() => this.pump());
      break;
    }
    this.endIfDone();
  }

  private sendKey(key: MovingKey, replaces: boolean): void {
    const { keyspace, mode } = this.owner.server;
    const { bytes } = key;
    key.hasChanged = false;
    const entry = this.request.source.peek(bytes, 0, bytes.length);
    // It was there when MIGRATE came; it has expired since.
    if (entry === 0) return;
    const expiryMs = this.request.source.expiryOf(entry);
    const ttlMs = expiryMs < 0 ? 0 : Math.max(1, expiryMs - keyspace.nowMs);
    const writer = payloadWriter(this.owner.server.config.flag('rdbcompression').value);
    dumpEntry(keyspace, entry, writer);
    const { restoreWord } = this.request;
    const name = restoreWord ?? (mode === 'cluster' ? 'RESTORE-ASKING' : 'RESTORE');
    const payload = writer.bytes.subarray(0, writer.length);
    const options = replaces && restoreWord === undefined ? ['REPLACE'] : [];
    this.send(key, [name, bytes, String(ttlMs), payload, ...options]);
  }

  reply(line: string): void {
    const about = this.expected.shift()!;
    const isError = line.startsWith('-');
    this.owner.server.beginTurn();
    if (isError && about !== 'gone' && about !== 'asking') {
      if (about === 'auth' || about === 'select') {
        this.isLoginRefused = true;
        this.link.database = -1;
      }
      this.error ??= `ERR Target instance replied with error: ${line.slice(1)}`;
    } else if (typeof about === 'object' && !this.isLoginRefused) this.arrived(about);
    this.owner.server.serveReady();
    this.endIfDone();
  }

  /** The other side has a key. */
  private arrived(key: MovingKey): void {
    const { source, copies } = this.request;
    const { keyspace, effects } = this.owner.server;
    const { bytes } = key;
    if (key.hasChanged) {
      this.resend(key);
      return;
    }
    this.movedCount++;
    if (copies) return;
    const entry = source.lookupWrite(bytes, 0, bytes.length);
    if (entry === 0) return;
    source.remove(entry, source.hash);
    keyspace.changed(source, bytes, 0, bytes.length, 1);
    keyspace.notify(EventClass.GENERIC, 'del', source, bytes, 0, bytes.length);
    effects.add(source.index, ['DEL', bytes]);
  }

  /** The key has changed since it was sent. */
  private resend(key: MovingKey): void {
    const { source } = this.request;
    if (source.peek(key.bytes, 0, key.bytes.length) === 0) {
      if (this.owner.server.mode === 'cluster') this.send('asking', ['ASKING']);
      this.send('gone', ['DEL', key.bytes]);
    } else if (++key.resends > RESENDS_MAX) {
      this.error ??= 'ERR A key was written again and again while it was migrated';
    } else {
      this.sendKey(key, true);
    }
  }

  fail(what: LinkFailure, mayRetry: boolean): void {
    if (this.isOver) return;
    this.link.leave(this);
    if (mayRetry && this.mayRetry) {
      this.begin(false);
      return;
    }
    if (what === 'connecting') this.end('IOERR error or timeout connecting to the client');
    else this.end(`IOERR error or timeout ${what} to target instance`);
  }

  private endIfDone(): void {
    if (this.isOver || this.next < this.keys.length || this.expected.length > 0) return;
    this.link.leave(this);
    this.end(this.error);
  }

  private end(error: string | undefined): void {
    this.isOver = true;
    this.done(error, this.movedCount);
  }
}

function nameOf(database: number, bytes: Uint8Array, offset: number, length: number): string {
  return `${database}:${latin1(bytes, offset, length)}`;
}

/** A command in RESP. */
function encodeCommand(words: readonly (Uint8Array | string)[]): Uint8Array {
  const parts: Uint8Array[] = [utf8(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? utf8(word) : word;
    parts.push(utf8(`$${bytes.length}\r\n`), bytes, utf8('\r\n'));
  }
  return Buffer.concat(parts);
}
