// scripted-master: a master that says whatever a test wants, on one connection or on several.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';

export const HISTORY = 'abcdef0123456789abcdef0123456789abcdef01';
const MARK = 'm'.repeat(40);

/** One connection of a replica. */
export class ScriptedConnection {
  private text = '';
  private waiting: (() => void)[] = [];
  isClosed = false;

  constructor(private readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
    socket.on('end', () => socket.end());
  }

  private wake(): void {
    for (const run of this.waiting.splice(0)) run();
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The next command of the replica; undefined when the connection has ended. Empty lines are signs of life. */
  async command(): Promise<string[] | undefined> {
    for (;;) {
      const words = this.take();
      if (words !== undefined) return words;
      if (this.isClosed) return undefined;
      await this.changed();
    }
  }

  private take(): string[] | undefined {
    this.text = this.text.replace(/^\n+/, '');
    const head = /^\*(\d+)\r\n/.exec(this.text);
    if (head === null) return undefined;
    let at = head[0].length;
    const words: string[] = [];
    for (let index = 0; index < Number(head[1]); index++) {
      const length = /^\$(\d+)\r\n/.exec(this.text.slice(at, at + 20));
      if (length === null) return undefined;
      const begin = at + length[0].length;
      const end = begin + Number(length[1]);
      if (this.text.length < end + 2) return undefined;
      words.push(this.text.slice(begin, end));
      at = end + 2;
    }
    this.text = this.text.slice(at);
    return words;
  }

  /** The next acknowledgement: its offset. */
  async ack(): Promise<number> {
    for (;;) {
      const words = await this.command();
      if (words === undefined) throw new Error('the replica has ended the connection');
      if (words[0] === 'REPLCONF' && words[1] === 'ACK') return Number(words[2]);
    }
  }

  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Sends commands of the stream; returns how many bytes they are. */
  say(...commands: readonly (readonly string[])[]): number {
    const bytes = Buffer.concat(commands.map((words) => encodeCommand(words)));
    this.write(bytes);
    return bytes.length;
  }

  /** All that was written goes out first. */
  end(): void {
    this.socket.end();
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.changed();
  }

  /** Answers the handshake up to PSYNC, and returns its words; all commands before it go to `seen`. */
  async untilPsync(seen: string[] = []): Promise<string[]> {
    for (;;) {
      const words = await this.command();
      if (words === undefined) throw new Error('the replica has ended the connection in the handshake');
      if (words[0] === 'PSYNC') return words;
      seen.push(words.join(' '));
      this.write('+OK\r\n');
    }
  }

  /** The data set as a master without a file sends it. */
  sendData(data: Uint8Array): void {
    this.write(`$EOF:${MARK}\r\n`);
    this.write(data);
    this.write(MARK);
  }
}

export class ScriptedMaster {
  private readonly ready: ScriptedConnection[] = [];
  private readonly waiting: ((connection: ScriptedConnection) => void)[] = [];

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      const connection = new ScriptedConnection(socket);
      const waits = this.waiting.shift();
      if (waits === undefined) this.ready.push(connection);
      else waits(connection);
    });
  }

  static async start(t: TestContext): Promise<ScriptedMaster> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true });
    server.on('connection', (socket) => sockets.add(socket));
    t.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedMaster(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The next connection that a replica makes. */
  accept(): Promise<ScriptedConnection> {
    const connection = this.ready.shift();
    return connection === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(connection);
  }

  /** A full sync over one connection; the stream follows from `offset` on. */
  async serve(data: Uint8Array, offset: number): Promise<ScriptedConnection> {
    const connection = await this.accept();
    await connection.untilPsync();
    connection.write(`+FULLRESYNC ${HISTORY} ${offset}\r\n`);
    connection.sendData(data);
    return connection;
  }
}

/** An RDB file of strings, as Redis 7 writes it, without a checksum. */
export function rdbOf(values: Readonly<Record<string, string>>): Uint8Array {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const head = bytes.length < 64 ? Buffer.of(bytes.length) : Buffer.of(0x80, 0, 0, bytes.length >> 8, bytes.length);
    return Buffer.concat([head, bytes]);
  };
  const entries = Object.entries(values).flatMap(([key, value]) => [Buffer.of(0), text(key), text(value)]);
  return Buffer.concat([Buffer.from('REDIS0010'), Buffer.of(0xfe, 0), ...entries, Buffer.of(0xff), Buffer.alloc(8)]);
}

/** The first line of a server's answer to a command of a replica. */
export function firstLine(port: number, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(encodeCommand(words)));
    let text = '';
    socket.on('error', reject);
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      const end = text.indexOf('\r\n');
      if (end < 0) return;
      socket.destroy();
      resolve(text.slice(0, end));
    });
  });
}
