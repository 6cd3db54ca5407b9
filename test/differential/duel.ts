// duel: the same commands on two servers, compared reply by reply and, at the end, key by key.

import { latin1, latin1Bytes } from '../../src/base/bytes.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';
import { Comparison, show, type Excuse } from './comparing.js';
import type { Words } from './generator.js';

/** How long a server may think about one run of commands. */
const patienceMs = 180_000;
const databaseCount = 2;

export interface Mismatch {
  /** The run so far; the last one is where the servers differ. */
  readonly words: Words;
  /** Place in the sequence; its length for the data set afterwards. */
  readonly index: number;
  readonly ours: string;
  readonly theirs: string;
}

class Side {
  private connection: Connection | undefined;

  constructor(
    private readonly name: string,
    private readonly port: number,
  ) {}

  async fresh(protocol: 2 | 3): Promise<void> {
    this.connection?.close();
    this.connection = await Connection.open({ host: '127.0.0.1', port: this.port });
    await this.run([['FLUSHALL'], ...(protocol === 3 ? [['HELLO', '3']] : [])]);
  }

  async run(commands: readonly Words[]): Promise<Reply[]> {
    const connection = this.connection!;
    const replies: Reply[] = [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.name} did not answer ${JSON.stringify(commands[replies.length])}`)),
        patienceMs,
      );
    });
    try {
      for (const words of commands) connection.send(words.map(latin1Bytes));
      while (replies.length < commands.length)
        replies.push(connection.takeReply() ?? (await Promise.race([connection.readReply(), late])));
    } catch (error) {
      const command = JSON.stringify(commands[replies.length]).slice(0, 300);
      throw new Error(`${this.name}, at command ${replies.length}, ${command}: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
    return replies;
  }

  close(): void {
    this.connection?.close();
  }
}

export class Duel {
  private readonly ours: Side;
  private readonly theirs: Side;

  constructor(
    oursPort: number,
    theirsPort: number,
    private readonly excuse: Excuse,
  ) {
    this.ours = new Side('Kvasir', oursPort);
    this.theirs = new Side('redis-server', theirsPort);
  }

  /** Runs a sequence on empty servers; the first difference, if any. */
  async run(sequence: readonly Words[], protocol: 2 | 3): Promise<Mismatch | undefined> {
    await Promise.all([this.ours.fresh(protocol), this.theirs.fresh(protocol)]);
    const mismatch = await this.compare(sequence, 0);
    if (mismatch !== undefined) return mismatch;
    await this.both([['DISCARD']]);
    for (let database = 0; database < databaseCount; database++) {
      const different = await this.compareDatabase(database, sequence.length);
      if (different !== undefined) return different;
    }
    return undefined;
  }

  close(): void {
    this.ours.close();
    this.theirs.close();
  }

  private both(commands: readonly Words[]): Promise<[Reply[], Reply[]]> {
    return Promise.all([this.ours.run(commands), this.theirs.run(commands)]);
  }

  private async compare(commands: readonly Words[], index: number): Promise<Mismatch | undefined> {
    const [ours, theirs] = await this.both(commands);
    const comparison = new Comparison(this.excuse);
    for (let at = 0; at < commands.length; at++) {
      const words = commands[at]!;
      if (comparison.same(words, ours[at]!, theirs[at]!)) continue;
      return { words, index: index === 0 ? at : index, ours: show(ours[at]), theirs: show(theirs[at]) };
    }
    return undefined;
  }

  private async compareDatabase(database: number, index: number): Promise<Mismatch | undefined> {
    const listing: Words[] = [
      ['SELECT', String(database)],
      ['KEYS', '*'],
    ];
    const [, keys] = await this.theirs.run(listing);
    const different = await this.compare(listing, index);
    if (different !== undefined) return different;
    const names = isAggregate(keys!) ? keys.elements.map((key) => (key.kind === 'bulk' ? latin1(key.bytes) : '')) : [];
    const types = (await this.theirs.run(names.map((name) => ['TYPE', name]))).map(replyText);
    const questions = names.flatMap((name, at) => [
      ['TYPE', name],
      ['PTTL', name],
      ['OBJECT', 'ENCODING', name],
      ...contentCommands(name, types[at]!),
    ]);
    return this.compare(questions, index);
  }
}

/** Commands whose replies tell all that is in a key. */
function contentCommands(name: string, type: string): Words[] {
  switch (type) {
    case 'string':
      return [['GET', name]];
    case 'list':
      return [['LRANGE', name, '0', '-1']];
    case 'set':
      return [['SMEMBERS', name]];
    case 'hash':
      return [['HGETALL', name]];
    case 'zset':
      return [
        ['ZRANGE', name, '0', '-1', 'WITHSCORES'],
        ['ZREVRANGE', name, '0', '-1'],
      ];
    case 'stream':
      return [
        ['XRANGE', name, '-', '+'],
        ['XREVRANGE', name, '+', '-'],
        ['XINFO', 'GROUPS', name],
        ['XINFO', 'STREAM', name],
      ];
    default:
      return [];
  }
}
