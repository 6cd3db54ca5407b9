// address: host:port as people write it on the manager's command line, and as nodes tell it.
import { readLeadingInteger } from '../base/c-numbers.js';
import type { NodeAddress } from '../client/slot-map.js';

export const invalidAddress =
  '[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or space separated IP and port (ie. 120.0.0.1 7000)\n';

/** Reads `host:port`, with or without `@bus-port`; undefined without a colon. */
export function parseAddress(text: string): NodeAddress | undefined {
  const at = text.lastIndexOf('@');
  const address = at < 0 ? text : text.slice(0, at);
  const colon = address.lastIndexOf(':');
  if (colon < 0) return undefined;
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: readLeadingInteger(address.slice(colon + 1)) };
}

/** Reads the words of a command that name a node: `host:port`, or `host` and `port`. */
export function readNodeWords(words: readonly string[]): NodeAddress | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const address = second === undefined ? parseAddress(first) : { host: first, port: readLeadingInteger(second) };
  return address === undefined || address.host === '' || !isPort(address.port) ? undefined : address;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}
