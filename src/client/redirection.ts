// redirection: where a MOVED or ASK of a cluster node points to.
import { SLOT_COUNT } from '../base/key-slot.js';
import { isError, replyText, type Reply } from './reply.js';
import type { NodeAddress } from './slot-map.js';

export interface Redirection {
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly address: NodeAddress;
}

/** Undefined when the reply is something else. `asked`: the node that replied; it may leave its host out. */
export function readRedirection(reply: Reply, asked: NodeAddress | undefined): Redirection | undefined {
  if (!isError(reply)) return undefined;
  const match = /^(MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})$/.exec(replyText(reply));
  if (match === null) return undefined;
  const [, kind, slot, host, port] = match;
  const address = { host: host === '' || host === '?' ? (asked?.host ?? '127.0.0.1') : host!, port: Number(port) };
  if (Number(slot) >= SLOT_COUNT || address.port < 1 || address.port > 65535) return undefined;
  return { kind: kind as 'MOVED' | 'ASK', slot: Number(slot), address };
}
