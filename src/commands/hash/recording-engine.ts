// recording-engine: an engine without a server, for tests: its clock stands, and it records the effects of commands.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import type { Database } from '../../keyspace/database.js';
import { EventClass } from '../../keyspace/events.js';
import { Keyspace } from '../../keyspace/keyspace.js';
import { Call } from '../../registry/call.js';
import { buildCommand, type Command } from '../../registry/command.js';
import { defaultDataLimits } from '../../registry/data-limits.js';
import { type DataCall, type DataClient, type DataCommand, type Engine, type Part } from '../engine.js';

export const START_MS = Date.UTC(2026, 0, 1);

/** Runs commands, given as lines of words, and keeps what they propagate and tell. */
export class RecordingEngine implements Engine {
  readonly keyspace: Keyspace;
  readonly limits = defaultDataLimits();
  propagates = true;
  readonly events: string[] = [];
  readonly propagated: string[] = [];
  readonly call: DataCall = new Call<Database, Engine, DataClient>();
  private readonly commands: ReadonlyMap<string, Command<DataCall>>;
  private rewritten: readonly Part[] | undefined;
  private also: (readonly Part[])[] = [];
  private prevented = false;

  constructor(commands: readonly DataCommand[], seed: number) {
    this.keyspace = new Keyspace({ databaseCount: 1, random: new Prng(seed), hashKey: [seed, 7] });
    this.commands = new Map(commands.map((each) => [each.name, buildCommand(each)]));
    this.keyspace.nowMs = START_MS;
    this.call.host = this;
    this.call.client = { id: 1, databaseIndex: 0, protocol: 2 };
    this.call.db = this.keyspace.databases[0]!;
    this.keyspace.notifyMask = EventClass.HASH | EventClass.GENERIC;
    this.keyspace.listener = {
      keyChanged: () => undefined,
      keyReclaimed: () => undefined,
      notify: (_class, event, _database, key, offset, length) =>
        void this.events.push(`${event} ${latin1(key, offset, length)}`),
    };
  }

  block(): void {
    throw new Error('no command waits here');
  }

  reclaimCommand(): 'DEL' {
    return 'DEL';
  }

  rewrite(_call: DataCall, args: readonly Part[]): void {
    this.rewritten = args;
  }

  alsoPropagate(_call: DataCall, args: readonly Part[]): void {
    this.also.push(args);
  }

  preventPropagation(): void {
    this.prevented = true;
  }

  run(line: string): string {
    const words = line.split(' ');
    let command = this.commands.get(words[0]!.toLowerCase())!;
    if (command.subcommands.size > 0) command = command.subcommands.get(words[1]!.toLowerCase())!;
    const { call } = this;
    call.setArguments(words.map(latin1Bytes));
    call.command = command;
    const { dirty } = this.keyspace;
    command.run!(call);
    if (this.keyspace.dirty !== dirty) {
      if (!this.prevented) this.take(this.rewritten ?? words);
      for (const args of this.also) this.take(args);
    }
    this.rewritten = undefined;
    this.also = [];
    this.prevented = false;
    return latin1(call.reply.takeBytes()).replaceAll('\r\n', ' ').trim();
  }

  take(args: readonly Part[]): void {
    this.propagated.push(args.map((part) => (part instanceof Uint8Array ? latin1(part) : String(part))).join(' '));
  }

  effects(): { events: string[]; propagated: string[] } {
    return { events: this.events.splice(0), propagated: this.propagated.splice(0) };
  }
}
