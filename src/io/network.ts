// network: listening and connecting; everything above `io` gets it through this interface, so that whole systems of servers
// can run in a simulated network (simulation).
//
// A connection is a Wire with its WireEvents (wire), whichever side opened it. TLS is an option of either side; what the
// certificates are is the caller's.

import type { Wire, WireEvents } from './wire.js';

export interface ListenAddress {
  /** An address of this host; '0.0.0.0' and '::' for all of a family. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly backlog: number;
  /** Seconds without a byte until the peer is probed; 0 for never. Asked at each accept. */
  readonly keepAliveSeconds: () => number;
  /** Other processes may listen on the port too, where the system can: see `sharesPorts`. */
  readonly reusePort?: boolean;
}

export interface Listener {
  /** The port that is really listened on. */
  readonly port: number;
  /** Accepts nobody any more; connections that are open stay. */
  close(): void;
}

export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port are unused then. */
  readonly path?: string;
  /** Gives up after so long; 0 leaves it to the system. */
  readonly timeoutMs: number;
  /** The address to come from; any of this host's if absent. */
  readonly sourceAddress?: string;
  /** Seconds without a byte until the peer is probed; never if absent or 0. */
  readonly keepAliveSeconds?: number;
}

export interface ConnectEvents extends WireEvents {
  /** The connection stands. Else `onClose` comes alone, with the reason. */
  onOpen(): void;
}

export interface Network {
  /** Resolves once connections are accepted; rejects with the system's error (EADDRINUSE, ...). */
  listen(address: ListenAddress, accept: (wire: Wire) => WireEvents): Promise<Listener>;
  /** Begins to connect. Bytes may be written before `onOpen`: they are sent then. */
  connect(target: ConnectTarget, events: ConnectEvents): Wire;
}
