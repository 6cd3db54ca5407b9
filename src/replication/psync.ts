// psync: decides, from a replica's request and the state of this server alone, whether it may go on where it was.
//
// A server's history has a name, the replication id. It may have a second one: after a promotion the id of the master
// that it followed, valid up to the offset of the promotion, so that the other replicas of that master can follow here
// without a full sync (PSYNC2).

/** 40 hexadecimal digits. */
export type ReplicationId = string;

export const NO_ID: ReplicationId = '0'.repeat(40);

/** A name that the history had before. */
export interface EarlierId {
  readonly id: ReplicationId;
  /** How many bytes of the stream that name covers. */
  readonly endOffset: number;
}

export interface History {
  readonly id: ReplicationId;
  /** The id of an earlier history that this one continues; NO_ID for none. */
  readonly secondId: ReplicationId;
  /** First offset, counted from 1, at which the second id is no longer valid; -1 for none. */
  readonly secondOffset: number;
  /** Offsets, counted from 1, of the first byte that is kept and of the one that comes next; undefined without a backlog. */
  readonly backlog: { readonly first: number; readonly next: number } | undefined;
  /** Names before the second id, which a backlog on disk remembers. */
  readonly earlier?: readonly EarlierId[];
}

export type PsyncDecision =
  | { readonly kind: 'continue'; readonly offset: number }
  /** `cause` is for the log, `advice` says which setting would have avoided it, if any. */
  | { readonly kind: 'full'; readonly cause: string; readonly advice: string | undefined };

/** Decides `PSYNC id offset`. A replica without a history asks for `? -1`. */
export function decidePsync(history: History, id: string, offset: number): PsyncDecision {
  const full = (cause: string, advice?: string): PsyncDecision => ({ kind: 'full', cause, advice });
  if (id === '?') return full('it has no data of a master yet');
  const validUpTo = validOffset(history, id.toLowerCase());
  if (validUpTo === undefined)
    return full(
      `its replication id is ${clip(id)}, ours is ${history.id}: it followed another master, or another life of this one`,
    );
  if (offset > validUpTo)
    return full(
      `it has gone on to offset ${offset} with the replication id ${clip(id)}, which is ours only up to ${validUpTo}`,
    );
  const { backlog } = history;
  if (backlog === undefined) return full('there is no backlog', 'repl-backlog-ttl keeps one without replicas');
  if (offset < backlog.first)
    return full(
      `its offset ${offset} has left the backlog, which begins at ${backlog.first}: ${backlog.first - offset} bytes are missing`,
      `repl-backlog-size of at least ${backlog.next - offset} bytes, or repl-backlog-disk-size, would have kept them`,
    );
  if (!(offset <= backlog.next)) return full(`its offset ${offset} is ahead of ours, ${backlog.next}`);
  return { kind: 'continue', offset };
}

/** The highest offset that may be asked for under this name; undefined: the name is not one of the history's. */
function validOffset(history: History, id: string): number | undefined {
  if (id === NO_ID) return undefined;
  if (id === history.id) return Infinity;
  if (id === history.secondId) return history.secondOffset;
  const earlier = history.earlier?.findLast((known) => known.id === id);
  return earlier === undefined ? undefined : earlier.endOffset + 1;
}

const ID_LENGTH = 40;

/** A peer's text in a log line. */
function clip(text: string): string {
  return text.length <= ID_LENGTH ? text : `${text.slice(0, ID_LENGTH)}...`;
}
