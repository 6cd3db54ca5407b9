// scripted-server: a server that answers what a test says, for monitors that must bear strangers.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Connection } from '../../src/client/connection.js';

/** Gets the words of a command in upper case; writes what it likes. */
export type Script = (words: readonly string[], socket: Socket) => void;

export function bulk(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}

export class ScriptedServer {
  readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
    /** May be changed at any time. */
    public script: Script,
  ) {}

  static async start(script: Script): Promise<ScriptedServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const made = new ScriptedServer(server, port, script);
    server.on('connection', (socket) => made.serve(socket));
    return made;
  }

  readonly connect = (): Promise<Connection> =>
    Connection.open({ host: '127.0.0.1', port: this.port, timeoutMs: 60_000 });

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const words = takeCommand(text);
        if (words === undefined) return;
        text = text.slice(words.length);
        this.script(words.words, socket);
      }
    });
  }
}

/** The first whole command of a text in RESP, and how many characters it has. */
function takeCommand(text: string): { words: string[]; length: number } | undefined {
  const [head, count] = /^\*(\d+)\r\n/.exec(text) ?? [];
  if (head === undefined) return undefined;
  let at = head.length;
  const words: string[] = [];
  for (let index = 0; index < Number(count); index++) {
    const [line, length] = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20)) ?? [];
    if (line === undefined) return undefined;
    const end = at + line.length + Number(length);
    if (text.length < end + 2) return undefined;
    words.push(text.slice(at + line.length, end).toUpperCase());
    at = end + 2;
  }
  return { words, length: at };
}
