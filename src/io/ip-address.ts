// ip-address: distinguishes IP addresses from names.

import { isIP } from 'node:net';

/** 4 or 6 for an address of that kind, 0 for anything else. */
export function ipVersion(text: string): 0 | 4 | 6 {
  return isIP(text) as 0 | 4 | 6;
}
