// psync: whether a replica may go on where it was, decided from its request and the state of this server alone.
//
// A server's history has a name, the replication id. It may have a second one: after a promotion the id of the master
// that it followed, valid up to the offset of the promotion, so that the other replicas of that master can follow here
// without a full sync (PSYNC2).

/** 40 hexadecimal digits. */
export type ReplicationId = string;

export const NO_ID: ReplicationId = '0'.repeat(40);

export interface History {
  readonly id: ReplicationId;
  /** The id of an earlier history that this one continues; NO_ID for none. */
  readonly secondId: ReplicationId;
  /** First offset, counted from 1, at which the second id is no longer valid; -1 for none. */
  readonly secondOffset: number;
  /** Offsets, counted from 1, of the first byte that is kept and of the one that comes next; undefined without a backlog. */
  readonly backlog: { readonly first: number; readonly next: number } | undefined;
}

export type PsyncDecision =
  | { readonly kind: 'continue'; readonly offset: number }
  /** `cause` is for the log, `advice` says which setting would have avoided it, if any. */
  | { readonly kind: 'full'; readonly cause: string; readonly advice: string | undefined };

/** Decides `PSYNC id offset`. A replica without a history asks for `? -1`. */
export function decidePsync(history: History, id: string, offset: number): PsyncDecision {
  const full = (cause: string, advice?: string): PsyncDecision => ({ kind: 'full', cause, advice });
  if (id === '?') return full('it has no data of a master yet');
  const isSame = id.toLowerCase() === history.id;
  if (!isSame) {
    if (id.toLowerCase() !== history.secondId || history.secondId === NO_ID)
      return full(
        `its replication id is ${clip(id)}, ours is ${history.id}: it followed another master, or another life of this one`,
      );
    if (offset > history.secondOffset)
      return full(
        `it has gone on to offset ${offset} with the replication id ${clip(id)}, which is ours only up to ${history.secondOffset}`,
      );
  }
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

const ID_LENGTH = 40;

/** A peer's text in a log line. */
function clip(text: string): string {
  return text.length <= ID_LENGTH ? text : `${text.slice(0, ID_LENGTH)}...`;
}
