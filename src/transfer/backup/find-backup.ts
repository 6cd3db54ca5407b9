// find-backup: which backup `--at` means.

import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { TransferError } from '../record/record.js';
import { parseTime } from './backup-name.js';
import { nameOf, placesOf } from './backup-options.js';
import { type Backup, backupsOn } from './catalog.js';
import type { Target } from './targets/target.js';

export const atOption = {
  at: { kind: 'text', value: 'TIME', help: "'latest' (default), '2026-01-31 18:00' (UTC), or 2h for two hours ago." },
} as const satisfies OptionTable;

export interface Found {
  readonly target: Target;
  readonly backup: Backup;
}

/** The newest whole backup that is not younger than a time, on the first target that has the best one. */
export async function findBackup(words: Options): Promise<Found> {
  const at = words.text('at') ?? 'latest';
  const timeMs = at === 'latest' ? Infinity : parseTime(at, Date.now());
  if (timeMs === undefined)
    throw new UsageError(
      `--at wants 'latest', a time such as '2026-01-31 18:00' (UTC), or 2h for two hours ago, not '${at}'`,
    );
  let best: Found | undefined;
  let skipped = 0;
  const { targets } = placesOf(words);
  for (const target of targets)
    for (const backup of await backupsOn(target, nameOf(words))) {
      if (backup.timeMs > timeMs) continue;
      if (!backup.isWhole) skipped++;
      else if (best === undefined || backup.timeMs > best.backup.timeMs) best = { target, backup };
    }
  if (best !== undefined) return best;
  const places = targets.map((target) => target.name).join(', ');
  const when = at === 'latest' ? '' : ` from ${new Date(timeMs).toISOString()} or before`;
  throw new TransferError(
    `no backup of ${nameOf(words)}${when} is on ${places}${skipped > 0 ? ` (${skipped} are not whole)` : ''}`,
  );
}
