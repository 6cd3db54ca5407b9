// twins: the same clients on Kvasir and on redis-server, told the same commands, one at a time, and asked for all that came.
//
// After each command every client sends a command that does not exist, with a number in its name; what comes before the
// complaint about it is what the command caused on that connection. So messages that were not asked for are seen, and missing
// ones too. (A PING would do for most, but users can be forbidden to PING.) Inside MULTI such a command would break the
// transaction: there each command has one reply, and what else comes is seen after EXEC.
import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { startRedis, type RedisPeer } from '../peer.js';
import { startServer, type EmbeddedServer, type StartOptions } from '../../src/embed/start-server.js';
import { encodeCommand } from '../../src/client/encode-command.js';
import { ReplyReader } from '../../src/client/reply-reader.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';

/** A reply in one line. */
export function line(reply: Reply): string {
  if (isAggregate(reply)) return `${reply.kind}[${reply.elements.map(line).join(' ')}]`;
  return reply.kind === 'nil' ? 'nil' : `${reply.kind}:${replyText(reply)}`;
}

/** One end of a twin: a socket to one of the servers. */
export class End {
  private readonly reader = new ReplyReader();
  private readonly arrived: string[] = [];
  private wake: (() => void) | undefined;
  closed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.reader.feed(bytes);
      for (let reply = this.reader.next(); reply !== undefined; reply = this.reader.next())
        this.arrived.push(line(reply));
      this.wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  static async open(port: number): Promise<End> {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    return new End(socket);
  }

  send(words: readonly string[]): void {
    if (!this.closed) this.socket.write(encodeCommand(words.map((word) => Buffer.from(word, 'latin1'))));
  }

  /** Everything that has come, up to the answer to a command named `token`; ends with 'closed' when the server hung up. */
  collect(token: string): Promise<string[]> {
    this.send([token]);
    return this.readUntil((text) => text.includes(token), false);
  }

  /** Everything up to the first reply that is no message. */
  collectReply(): Promise<string[]> {
    return this.readUntil((text) => /^(status|error|nil|integer)/.test(text), true);
  }

  private async readUntil(isLast: (text: string) => boolean, withLast: boolean): Promise<string[]> {
    const collected: string[] = [];
    for (;;) {
      for (let text = this.arrived.shift(); text !== undefined; text = this.arrived.shift()) {
        const last = isLast(text);
        if (!last || withLast) collected.push(text);
        if (last) return collected;
      }
      if (this.closed) return [...collected, 'closed'];
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

export class Twins {
  private tokens = 0;
  private readonly inMulti = new Set<number>();

  private constructor(
    private readonly redis: RedisPeer,
    private readonly kvasir: EmbeddedServer,
    private readonly pairs: [ours: End, theirs: End][],
  ) {}

  static async start(clientCount: number, options: StartOptions, redisArgs: readonly string[]): Promise<Twins> {
    const redis = await startRedis({ args: redisArgs });
    const kvasir = await startServer({ port: 0, dir: redis.folder, ...options });
    const twins = new Twins(redis, kvasir, []);
    for (let count = 0; count < clientCount; count++) twins.pairs.push(await twins.connect());
    return twins;
  }

  private async connect(): Promise<[End, End]> {
    return [await End.open(this.kvasir.port), await End.open(this.redis.port)];
  }

  /**
   * Runs one command of one client on both servers; what each client got, ours and theirs. Closed clients connect again.
   * `theirWords` is the same command where it names numbers of clients, which differ; `before` goes in front, in the same breath.
   */
  async step(
    client: number,
    words: readonly string[],
    theirWords = words,
    before: readonly string[] = [],
  ): Promise<{ readonly ours: string[][]; readonly theirs: string[][] }> {
    const [own, other] = this.pairs[client]!;
    for (const end of before.length > 0 ? [own, other] : []) end.send(before);
    own.send(words);
    other.send(theirWords);
    const name = words.join(' ').toUpperCase();
    const staysInMulti = this.inMulti.has(client) && !/^(EXEC|DISCARD|RESET)$/.test(name);
    if (!staysInMulti) this.inMulti.delete(client);
    const ours: string[][] = [];
    const theirs: string[][] = [];
    // The acting client first: what its command causes elsewhere is sent before its own answer.
    const order = [client, ...this.pairs.keys()].filter((each, place, all) => all.indexOf(each) === place);
    for (const index of order) {
      const [a, b] = this.pairs[index]!;
      const acts = index === client;
      if (acts && (staysInMulti || name === 'MULTI')) {
        [ours[index], theirs[index]] = await Promise.all([a.collectReply(), b.collectReply()]);
        if (name === 'MULTI' && ours[index].at(-1) === 'status:OK') this.inMulti.add(client);
      } else if (!this.inMulti.has(index)) {
        // The reply to what follows CLIENT REPLY SKIP does not come: the next one's does.
        if (acts && name === 'CLIENT REPLY SKIP') for (const end of [a, b]) end.send(['skipped']);
        const token = `token${this.tokens++}.`;
        [ours[index], theirs[index]] = await Promise.all([a.collect(token), b.collect(token)]);
      }
      if (a.closed || b.closed) {
        a.close();
        b.close();
        this.pairs[index] = await this.connect();
        this.inMulti.delete(index);
      }
    }
    return { ours, theirs };
  }

  async stop(): Promise<void> {
    for (const [ours, theirs] of this.pairs) {
      ours.close();
      theirs.close();
    }
    await this.kvasir.close();
    await this.redis.stop();
  }
}
