// cluster-endpoint: the endpoint of a node in replies to clients: its address, its host name, or the one in use
// already.

import type { Config } from '../service/config/config.js';
import type { ClusterNodeView } from './cluster-port.js';

/** The name of a node in redirections and CLUSTER SLOTS; undefined: the client uses the one it knows (`unknown-endpoint`). */
export function endpointOf(node: ClusterNodeView, config: Config): string | undefined {
  switch (config.choice('cluster-preferred-endpoint-type').value) {
    case 'hostname':
      return node.hostname === '' ? '?' : node.hostname;
    case 'unknown-endpoint':
      return undefined;
    default:
      return node.ip;
  }
}

/** The port of a node for clients that come as this one does, or the one that there is. */
export function portOf(node: ClusterNodeView, isSecure: boolean): number {
  return isSecure ? node.tlsPort || node.port : node.port || node.tlsPort;
}
