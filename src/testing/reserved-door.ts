// reserved-door: a port of 127.0.0.1 that is listened on before there is a node to serve it. Connections until then end at once.

import type { ListenAddress, Listener, Network } from '../io/network.js';
import type { Wire, WireEvents } from '../io/wire.js';

export const RESERVED_HOST = '127.0.0.1';
const BACKLOG = 511;

const noEvents: WireEvents = {
  onData: () => undefined,
  onDrain: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

export class ReservedDoor {
  private listener: Listener | undefined;
  private accept: ((wire: Wire) => WireEvents) | undefined;
  private keepAliveSeconds = (): number => 0;

  /** Listens on any free port. */
  async open(network: Network): Promise<void> {
    this.listener = await network.listen(
      { host: RESERVED_HOST, port: 0, backlog: BACKLOG, keepAliveSeconds: () => this.keepAliveSeconds() },
      (wire) => {
        if (this.accept !== undefined) return this.accept(wire);
        wire.destroy();
        return noEvents;
      },
    );
  }

  get port(): number {
    return this.listener!.port;
  }

  /** From now on connections are the node's. */
  take(address: ListenAddress, accept: (wire: Wire) => WireEvents): Listener {
    this.accept = accept;
    this.keepAliveSeconds = address.keepAliveSeconds;
    return this.listener!;
  }

  close(): void {
    this.listener?.close();
  }
}
