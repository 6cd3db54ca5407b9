// tls-opening: a connection whose TLS handshake is under way in an I/O thread.

import type { HandshakeWaiter } from '../../io/threads/io-thread.js';
import type { RingWire } from '../../io/threads/ring-wire.js';
import type { Wire, WireEvents } from '../../io/wire.js';

/** Where it came in. */
export interface TlsDoor {
  keepAliveSeconds(): number;
  /** The handshake is done; undefined: the door has closed meanwhile. */
  accept(wire: Wire): WireEvents | undefined;
  refused(reason: string, address: string): void;
}

export class TlsOpening implements HandshakeWaiter {
  constructor(
    private readonly door: TlsDoor,
    private readonly address: string,
  ) {}

  onSecured(wire: RingWire): WireEvents {
    const events = this.door.accept(wire);
    if (events === undefined) wire.destroy();
    return events ?? this;
  }

  onClose(error: Error | undefined): void {
    if (error !== undefined) this.door.refused(error.message, this.address);
  }

  onData(): void {}
  onDrain(): void {}
  onEnd(): void {}
}
