// catalog: the backups that a target has, and whether they are whole.
//
// A backup of one server is one file, and that of a cluster a file for each master. The checksum file comes last and makes it
// whole: `FILE.sha256`, or `LABEL.cluster.sha256` for all files of a cluster.

import { addTo } from '../../base/grouped.js';
import { type BackupName, CHECKSUM_SUFFIX, clusterLabel, parseBackupName, type ShardNumber } from './backup-name.js';
import type { StoredFile, Target } from './targets/target.js';

export interface Backup {
  /** The name of the file, or the label of a cluster's files. */
  readonly file: string;
  readonly name: string;
  readonly timeMs: number;
  readonly isSealed: boolean;
  /** One file, or those of a cluster by the number of their shard. */
  readonly files: readonly BackupName[];
  readonly isCluster: boolean;
  readonly bytes: number | undefined;
  readonly isWhole: boolean;
}

interface Found extends StoredFile {
  readonly parsed: BackupName;
}

function sumOf(found: readonly StoredFile[]): number | undefined {
  let sum = 0;
  for (const { bytes } of found) {
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

/** Whether each shard is there once. */
function isComplete(shards: readonly ShardNumber[]): boolean {
  const count = shards[0]?.count ?? 0;
  return shards.length === count && shards.every((shard, place) => shard.count === count && shard.index === place + 1);
}

function backupOf(found: readonly Found[], names: ReadonlySet<string>): Backup {
  const [{ parsed }] = found as readonly [Found, ...Found[]];
  const { name, timeMs, shard } = parsed;
  const files = found.map((one) => one.parsed).sort((a, b) => (a.shard?.index ?? 0) - (b.shard?.index ?? 0));
  const file = shard === undefined ? parsed.file : clusterLabel(name, timeMs);
  const hasAll =
    shard === undefined || isComplete(files.flatMap((one) => (one.shard === undefined ? [] : [one.shard])));
  return {
    file,
    name,
    timeMs,
    isSealed: files.some(({ sealing }) => sealing !== undefined),
    files,
    isCluster: shard !== undefined,
    bytes: sumOf(found),
    isWhole: hasAll && names.has(file + CHECKSUM_SUFFIX),
  };
}

/** The backups of a name, oldest first. */
export async function backupsOn(target: Target, name: string): Promise<Backup[]> {
  const files = await target.list();
  const names = new Set(files.map((file) => file.name));
  const groups = new Map<string, Found[]>();
  for (const file of files) {
    const parsed = parseBackupName(file.name);
    if (parsed?.name !== name) continue;
    const label = parsed.shard === undefined ? parsed.file : clusterLabel(name, parsed.timeMs);
    addTo(groups, label, { ...file, parsed });
  }
  const backups = [...groups.values()].map((group) => backupOf(group, names));
  return backups.sort((a, b) => a.timeMs - b.timeMs || (a.file < b.file ? -1 : 1));
}

/** Removes the checksums first, so that a half removed backup does not look whole. */
export async function removeBackup(target: Target, backup: Backup): Promise<void> {
  const checksum = backup.file + CHECKSUM_SUFFIX;
  // Those of a cluster are also there when a shard's file is missing.
  if (backup.isWhole || (backup.isCluster && (await target.list()).some(({ name }) => name === checksum)))
    await target.remove(checksum);
  for (const { file } of backup.files) await target.remove(file);
}
