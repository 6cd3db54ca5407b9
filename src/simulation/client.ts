// client: a client of a simulated world: sends commands over a simulated connection and gets their replies in order.
//
// A command ends with its reply, or with a Lost when the connection ends first: then nobody knows whether it was run.

import { encodeCommand, type CommandArgument } from '../client/encode-command.js';
import { ReplyReader } from '../client/reply-reader.js';
import type { Reply } from '../client/reply.js';
import type { Wire } from '../io/wire.js';
import type { Host } from './host.js';

/** The connection ended before the reply. */
export class Lost extends Error {}

export interface Target {
  readonly host: Host;
  readonly port: number;
}

export class SimulatedClient {
  private reader = new ReplyReader();
  private wire: Wire | undefined;
  private waiting: { readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void }[] = [];
  isOpen = false;
  /** Called when the connection has ended, or did not come about. */
  onEnd: () => void = () => undefined;

  constructor(
    readonly host: Host,
    readonly name: string,
  ) {}

  /** Connects; resolves when the connection stands, rejects with Lost when it does not come about. */
  connect({ host, port }: Target, timeoutMs = 5000): Promise<void> {
    this.close();
    this.reader = new ReplyReader();
    return new Promise((resolve, reject) => {
      const wire = this.host.network.connect(
        { host: host.address, port, timeoutMs },
        {
          onOpen: () => {
            this.isOpen = true;
            resolve();
          },
          onData: (bytes, count) => this.receive(wire, bytes.slice(0, count)),
          onDrain: () => undefined,
          onEnd: () => wire.destroy(),
          onClose: (error) => {
            if (this.wire !== wire) return;
            this.lose();
            reject(new Lost(error?.message ?? 'closed'));
            this.onEnd();
          },
        },
      );
      this.wire = wire;
    });
  }

  private receive(wire: Wire, bytes: Uint8Array): void {
    if (this.wire !== wire) return;
    this.reader.feed(bytes);
    for (let reply = this.reader.next(); reply !== undefined; reply = this.reader.next())
      this.waiting.shift()?.resolve(reply);
  }

  /** Sends a command; rejects with Lost when its reply will never come. */
  call(...args: CommandArgument[]): Promise<Reply> {
    const { wire } = this;
    if (wire === undefined || !this.isOpen) return Promise.reject(new Lost('not connected'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      wire.write(encodeCommand(args));
    });
  }

  close(): void {
    const { wire } = this;
    this.lose();
    wire?.destroy();
  }

  private lose(): void {
    this.wire = undefined;
    this.isOpen = false;
    for (const { reject } of this.waiting.splice(0)) reject(new Lost('connection lost'));
  }
}

/** A reply as text: 'OK', '12', '(nil)', '-ERR ...'; elements of arrays in brackets. */
export function replyText(reply: Reply): string {
  switch (reply.kind) {
    case 'status':
    case 'bulk':
    case 'verbatim':
      return Buffer.from(reply.bytes).toString('latin1');
    case 'error':
      return `-${Buffer.from(reply.bytes).toString('latin1')}`;
    case 'integer':
      return String(reply.value);
    case 'double':
    case 'bignumber':
      return reply.text;
    case 'boolean':
      return String(reply.value);
    case 'nil':
      return '(nil)';
    default:
      return `[${reply.elements.map(replyText).join(' ')}]`;
  }
}
