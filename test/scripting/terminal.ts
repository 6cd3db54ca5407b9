// terminal: one client as a person at redis-cli has it: a line is typed, its reply comes as text, sooner or later.
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';

function shown(reply: Reply): string {
  if (isAggregate(reply)) return `[${reply.elements.map(shown).join(' ')}]`;
  return reply.kind === 'nil' ? '(nil)' : reply.kind === 'error' ? `(error) ${replyText(reply)}` : replyText(reply);
}

export class Terminal {
  private constructor(private readonly connection: Connection) {}

  static async open(port: number): Promise<Terminal> {
    const connection = await Connection.open({ host: '127.0.0.1', port });
    connection.onLost = () => undefined;
    return new Terminal(connection);
  }

  async type(...words: readonly string[]): Promise<string> {
    this.connection.send(words.map((word) => Buffer.from(word, 'latin1')));
    return shown(await this.connection.readReply());
  }

  /** Sends several commands at once; their replies. */
  async typeAll(...commands: readonly (readonly string[])[]): Promise<string[]> {
    for (const words of commands) this.connection.send(words.map((word) => Buffer.from(word, 'latin1')));
    const replies: string[] = [];
    for (let count = commands.length; count > 0; count--) replies.push(shown(await this.connection.readReply()));
    return replies;
  }

  close(): void {
    this.connection.close();
  }
}
