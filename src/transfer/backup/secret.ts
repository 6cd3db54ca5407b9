// secret: what backups are encrypted with: a key, a passphrase, or recipients of age.

import type { Sealing } from './backup-name.js';
import type { SealSecret } from './seal.js';

/** Who can open a backup, and by which identities it is opened here. */
export interface AgeSecret {
  readonly kind: 'age';
  readonly recipients: readonly string[];
  /** Empty: backups can be made and not opened. */
  readonly identities: readonly string[];
}

export type Secret = SealSecret | AgeSecret;

export function sealingOf(secret: Secret | undefined): Sealing | undefined {
  if (secret === undefined) return undefined;
  return secret.kind === 'age' ? 'age' : 'sealed';
}

/** Whether a backup that is made with it can be opened with it. */
export function canOpen(secret: Secret | undefined): boolean {
  return secret?.kind !== 'age' || secret.identities.length > 0;
}
