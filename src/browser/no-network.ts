// no-network: the network of a page: it has no ports, and reaches none.

import type { Network } from '../io/network.js';
import { noWire } from '../io/wire.js';
import { systemClock } from '../io/clock.js';

const refusal = (): Error => Object.assign(new Error('a browser has no sockets'), { code: 'ENOSYS' });

export const noNetwork: Network = {
  listen: () => Promise.reject(refusal()),
  connect(target, events) {
    systemClock.soon(() => events.onClose(refusal()));
    return { ...noWire, remote: `${target.host}:${target.port}` };
  },
};
