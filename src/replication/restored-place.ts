// restored-place: the history and the offset of the data from the disk, after a start.
//
// An RDB file says so in its header. An AOF does not, but a backlog on disk notes places of the AOF. Commands that the AOF has after
// the last such place are in no backlog: a master makes them the first of the history that begins with this start;
// a replica does not know how many bytes of its master's stream they were, so it has no place.

import type { Files } from '../io/files.js';
import { commandsAfter, type Increment } from './disk/aof-place.js';
import type { DiskBacklog } from './disk/disk-backlog.js';

const ID_PATTERN = /^[0-9a-f]{40}$/;

export interface RestoredPlace {
  readonly id: string;
  readonly offset: number;
  /** The database that the stream is in there; -1 for unknown. */
  readonly streamDatabase: number;
  /** The writes that the data contains beyond that offset, as commands. */
  readonly commands: Uint8Array;
}

const NONE = new Uint8Array(0);

/** `aux`: the fields of the header of the RDB file that was loaded. */
export function placeOfRdb(aux: ReadonlyMap<string, string>): RestoredPlace | undefined {
  const id = aux.get('repl-id') ?? '';
  const offset = Number(aux.get('repl-offset') ?? NaN);
  if (!ID_PATTERN.test(id) || !Number.isSafeInteger(offset) || offset < 0) return undefined;
  return { id, offset, streamDatabase: Number(aux.get('repl-stream-db') ?? 0), commands: NONE };
}

export function placeOfAof(
  files: Files,
  increments: readonly Increment[],
  disk: DiskBacklog,
): RestoredPlace | undefined {
  const found = disk.findPlace();
  if (found === undefined) return undefined;
  const { id, offset, place, streamDatabase } = found;
  return { id, offset, streamDatabase, commands: commandsAfter(files, increments, place) };
}
