// side-by-side: runs the same commands here, without a server around, and on a real one, and compares the replies' bytes.
//
// The commands run on a keyspace of their own; what only a server has (sockets, blocking, transactions) is missing.

import { connect, type Socket } from 'node:net';
import { latin1, latin1Bytes } from '../../src/base/bytes.js';
import { Prng } from '../../src/base/prng.js';
import { dataCommands } from '../../src/commands/index.js';
import { defaultDataLimits, type DataLimits } from '../../src/registry/data-limits.js';
import {
  type BlockRequest,
  type DataCall,
  type DataClient,
  type Engine,
  type Part,
} from '../../src/commands/engine.js';
import type { Database } from '../../src/keyspace/database.js';
import { Keyspace } from '../../src/keyspace/keyspace.js';
import { wrongArity } from '../../src/protocol/errors.js';
import { Call } from '../../src/registry/call.js';
import { CommandTable } from '../../src/registry/table.js';

/** A command as one-byte strings. */
export type Words = readonly string[];

export class Local implements Engine {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits = defaultDataLimits();
  propagates = false;
  /** Rewritten commands that were propagated, for tests that look at them. */
  readonly propagated: Words[] = [];
  private readonly table = new CommandTable<DataCall>(dataCommands);
  private readonly call: DataCall;

  constructor(seed: number) {
    this.keyspace = new Keyspace({ databaseCount: 2, random: new Prng(seed), hashKey: [seed, ~seed] });
    this.keyspace.nowMs = 1_700_000_000_000;
    this.call = new Call<Database, Engine, DataClient>();
    this.call.host = this;
    this.call.db = this.keyspace.databases[0]!;
    this.call.client = { id: 1, databaseIndex: 0, protocol: 2 } as DataClient;
    this.call.denyBlocking = true;
  }

  set protocol(version: 2 | 3) {
    this.call.reply.protocol = version;
  }

  block(_call: DataCall, _request: BlockRequest): void {
    throw new Error('nothing can wait here');
  }

  reclaimCommand(): 'DEL' {
    return 'DEL';
  }

  rewrite(_call: DataCall, args: readonly Part[]): void {
    this.propagated.push(args.map((part) => (part instanceof Uint8Array ? latin1(part) : String(part))));
  }

  alsoPropagate(call: DataCall, args: readonly Part[]): void {
    this.rewrite(call, args);
  }

  preventPropagation(): void {}

  /** Runs a command; the reply's bytes as a one-byte string. */
  run(words: Words): string {
    const { call } = this;
    call.setArguments(words.map(latin1Bytes));
    const name = latin1Bytes(words[0]!);
    let command = this.table.find(name, 0, name.length);
    if (command === undefined) throw new Error(`no command ${words[0]}`);
    if (command.subcommands.size > 0) {
      const subcommand = command.subcommands.get((words[1] ?? '').toLowerCase());
      if (subcommand === undefined) return `-ERR unknown subcommand of ${command.fullName}\r\n`;
      command = subcommand;
    }
    call.command = command;
    const { arity } = command;
    if (arity > 0 ? words.length !== arity : words.length < -arity) call.reply.error(wrongArity(command.fullName));
    else command.run!(call);
    this.keyspace.freeSome(1000);
    return latin1(call.reply.takeBytes());
  }
}

/** A connection to a real server that sends many commands at once and takes their replies apart. */
export class Remote {
  private waiting = '';
  private wake: () => void = () => undefined;
  private isOver = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.waiting += bytes.toString('latin1');
      this.wake();
    });
    // A server that crashes resets the connection.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isOver = true;
      this.wake();
    });
  }

  static async connect(port: number): Promise<Remote> {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return new Remote(socket);
  }

  /** Runs commands in order; each reply's bytes as a one-byte string. Rejects with the command at which the server ended the connection. */
  async run(commands: readonly Words[]): Promise<string[]> {
    const mark = `~~${Math.floor(performance.now() * 1000)}~~`;
    const end = `$${mark.length}\r\n${mark}\r\n`;
    let text = '';
    for (const words of [...commands]) text += encode(words) + encode(['ECHO', mark]);
    this.socket.write(Buffer.from(text, 'latin1'));
    while (this.waiting.split(end).length <= commands.length) {
      if (this.isOver)
        throw new Error(
          `the server ended the connection at ${JSON.stringify(commands[this.waiting.split(end).length - 1])}`,
        );
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const replies = this.waiting.split(end);
    this.waiting = replies.pop()!;
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }
}

/**
 * A reply's bytes with its doubles in their shortest text: redis-server 7.0 prints 17 digits. Strings that are whole numbers
 * stay as they are.
 */
export function withShortDoubles(reply: string): string {
  return reply.replace(
    /\$\d+\r\n(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\r\n|,(-?\d[^\r]*)\r\n/g,
    (all, bulk: string | undefined, double: string | undefined) => {
      const text = bulk ?? double!;
      return bulk !== undefined && /^-?\d{1,16}$/.test(text) ? all : `double ${Number(text)}\r\n`;
    },
  );
}

function encode(words: Words): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
