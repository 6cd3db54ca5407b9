// peer-link: a connection to another node's port for clients: log in, send commands, read a line for each.
//
// The login is masteruser and masterauth, as for replication: all nodes of a cluster have the same.
//
// Not here: what comes after the lines (slot-import).

import { encodeCommand } from '../../client/encode-command.js';
import { type Wire, noWire } from '../../io/wire.js';
import { HandshakeLines } from '../../replication/handshake-lines.js';
import { reasonOf } from './peer-words.js';
import type { MovesOwner } from './slot-moves-owner.js';

const LINE_BYTES_MAX = 16 * 1024;

export interface PeerEvents {
  /** Every command was answered OK; what comes from now on goes to `bytes`. */
  accepted(): void;
  /** Void after the call. */
  bytes(bytes: Uint8Array, count: number): void;
  /** A command was refused, or the connection has ended. Nothing more comes. */
  ended(reason: string): void;
}

export class PeerLink {
  private wire: Wire = noWire;
  private expected = 0;
  private readonly lines = new HandshakeLines(LINE_BYTES_MAX);
  private isOver = false;

  constructor(
    private readonly events: PeerEvents,
    private readonly owner: MovesOwner,
  ) {}

  /** Connects to a node and sends it a command. */
  open(nodeId: string, command: readonly string[]): void {
    try {
      const wire = this.owner.dial(nodeId, {
        onOpen: () => this.begin(command),
        onData: (bytes, count) => this.take(bytes, count),
        onDrain: () => undefined,
        onEnd: () => this.end('The other node closed the connection'),
        onClose: (error) => this.end(error?.message ?? 'The connection has ended'),
      });
      if (wire === undefined) this.end(`The address of node ${nodeId} is unknown`);
      else this.wire = wire;
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  private begin(command: readonly string[]): void {
    const { config } = this.owner.server;
    const user = config.text('masteruser').value;
    const password = config.text('masterauth').value;
    if (password !== '') this.ask(user === '' ? ['AUTH', password] : ['AUTH', user, password]);
    this.ask(command);
  }

  private ask(command: readonly string[]): void {
    this.expected++;
    this.send(...command);
  }

  /** Sends a command that is not answered. */
  send(...command: readonly string[]): void {
    if (!this.isOver) this.wire.write(encodeCommand(command));
  }

  pauseReading(): void {
    this.wire.pauseReading();
  }

  resumeReading(): void {
    this.wire.resumeReading();
  }

  private take(bytes: Uint8Array, count: number): void {
    let at = 0;
    while (this.expected > 0 && at < count && !this.isOver) {
      at = this.lines.read(bytes, at, count, (line) => this.takeLine(line));
      if (this.lines.isTooLong) return this.end('The other node answers with a line without end');
    }
    if (at < count && !this.isOver) this.events.bytes(bytes.subarray(at, count), count - at);
  }

  private takeLine(line: string): void {
    if (!line.startsWith('+')) {
      this.end(reasonOf(line.replace(/^-(ERR )?/, '')));
      return;
    }
    if (--this.expected === 0) this.events.accepted();
  }

  private end(reason: string): void {
    if (this.isOver) return;
    this.close();
    this.events.ended(reason);
  }

  /** Ends the connection when everything is sent, without a callback. */
  close(): void {
    this.isOver = true;
    this.wire.end();
  }
}
