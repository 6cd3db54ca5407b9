// network-system: the machine's TCP as a Network.

import { type Server, Socket } from 'node:net';
import type { ConnectEvents, ConnectTarget, ListenAddress, Listener, Network } from './network.js';
import { listen, makeDoor, SocketWire } from './sockets.js';
import type { Wire, WireEvents } from './wire.js';

/** Opens a server of sockets on a port; an IPv6 address means IPv6 alone. */
export async function listenOnPort(
  server: Server,
  { host, port, backlog }: Pick<ListenAddress, 'host' | 'port' | 'backlog'>,
): Promise<Listener> {
  await listen(server, { host, port, backlog, ipv6Only: host.includes(':') });
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
    const { host, port, timeoutMs, sourceAddress } = target;
    const socket = new Socket({ allowHalfOpen: true });
    const wire = new SocketWire(socket);
    wire.attach(events);
    if (timeoutMs > 0) {
      socket.setTimeout(timeoutMs, () =>
        socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' })),
      );
    }
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      wire.connected();
      events.onOpen();
    });
    socket.connect({ host, port, ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }) });
    return wire;
  }
}
