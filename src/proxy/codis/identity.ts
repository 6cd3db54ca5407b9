// identity: the proofs of identity between parts of a codis: a proxy's token, and the key in each request of an HTTP
// interface.
import { createHash } from 'node:crypto';

/** The first 16 bytes, in hex, of the SHA-256 of a prefix and the parts in brackets. */
export function xauthOf(...parts: readonly string[]): string {
  const hash = createHash('sha256').update('Codis-XAuth');
  for (const part of parts) hash.update(`-[${part}]`);
  return hash.digest('hex').slice(0, 32);
}

export function tokenOf(hardware: string, product: string, proxyAddress: string, adminAddress: string): string {
  return createHash('md5').update(`Codis-Token@${hardware}-${product}-${proxyAddress}-${adminAddress}`).digest('hex');
}
