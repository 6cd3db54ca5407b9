// network-system: the machine's TCP as a Network.

import type { Server } from 'node:net';
import type { ConnectEvents, ConnectTarget, ListenAddress, Listener, Network } from './network.js';
import { OutgoingWire } from './outgoing-wire.js';
import { listen, makeDoor } from './sockets.js';
import type { Wire, WireEvents } from './wire.js';

/** Opens a server of sockets on a port; an IPv6 address means IPv6 alone. */
export async function listenOnPort(
  server: Server,
  { host, port, backlog, reusePort = false }: Pick<ListenAddress, 'host' | 'port' | 'backlog' | 'reusePort'>,
): Promise<Listener> {
  await listen(server, { host, port, backlog, reusePort, ipv6Only: host.includes(':') });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => void server.close(),
  };
}

export class SystemNetwork implements Network {
  listen(address: ListenAddress, accept: (wire: Wire) => WireEvents): Promise<Listener> {
    return listenOnPort(makeDoor(address.keepAliveSeconds, accept), address);
  }

  connect(target: ConnectTarget, events: ConnectEvents): Wire {
    return new OutgoingWire(target, events);
  }
}
