// value-repairs: repairs of a value while it was loaded, for the log and kvasir-check-rdb.
//
// Redis loads many values that contradict themselves, and some of its versions have written such values. They are
// repaired where their meaning is clear, and refused where it is not. A payload of RESTORE is refused wherever
// redis-server
// 7.0 refuses it, so that the same payload has the same fate on both.

/** How much a builder may mend. */
export const Tolerance = {
  /** Nothing (sanitize-dump-payload): what redis-server finds with deep checks is refused. */
  nothing: 0,
  /** Payloads that redis-server 7.0 takes without deep checks: RESTORE. */
  redis: 1,
  /** Everything whose meaning is clear: files. */
  everything: 2,
} as const;

/** Kinds of damage that can be mended, in the words of the log. */
const texts = {
  duplicates: 'duplicate elements dropped (the first of each is kept)',
  unordered: 'elements out of order sorted',
  headers: 'listpacks with a wrong header or wrong lengths rebuilt',
  scores: 'scores that are no number read as far as they are one',
  emptyNodes: 'stream nodes without a live entry dropped',
  nodeCounts: 'stream nodes with wrong counts corrected',
  length: 'entries more or fewer than the stream said: length corrected',
  lastId: 'last id below the last entry raised to it',
  firstId: 'first id that is not that of the first entry corrected',
  entriesAdded: 'count of added entries below the length raised to it',
  entriesRead: 'groups that had read more entries than were added corrected',
  ownerless: 'pending entries without a consumer left to be claimed by any',
  times: 'times of streams that no clock shows set to 0',
  owners: 'pending entries of two consumers left to the later one',
} as const;

export type Repair = keyof typeof texts;

export class ValueRepairs {
  private readonly counts = new Map<Repair, number>();

  note(repair: Repair, count = 1): void {
    this.counts.set(repair, (this.counts.get(repair) ?? 0) + count);
  }

  get isEmpty(): boolean {
    return this.counts.size === 0;
  }

  clear(): void {
    if (this.counts.size > 0) this.counts.clear();
  }

  toString(): string {
    return [...this.counts].map(([repair, count]) => `${count} ${texts[repair]}`).join(', ');
  }
}
