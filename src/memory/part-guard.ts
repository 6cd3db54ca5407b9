// part-guard: called before a part of a big collection changes, for a snapshot that is in the middle of the collection.
//
// The structures call it where they change members and nodes, while the arena has one. `owner` is the ref of the collection: its
// dict, quicklist or stream. The guard may allocate, but moves nothing.
//
// Not here: whole keys (keyspace/events, SnapshotBarrier), the snapshot's side (persistence/snapshot/big-value).

export interface PartGuard {
  /** An entry was added to a dict under this hash. */
  memberAdded(owner: number, hash: number, entry: number): void;
  /** An entry of a dict is about to be changed or taken out. */
  beforeMember(owner: number, hash: number, entry: number): void;
  /** A block of a quicklist's or stream's node is about to be changed or freed. */
  beforeBlock(owner: number, block: number): void;
  /** A leaf of a map of stream ids (structures/stream-index) is about to be changed or freed. */
  beforeLeaf(leaf: number): void;
  /** Nodes of a quicklist or stream were cut off, and are the nodes of another one now, which is going to be freed. */
  nodesCut(owner: number, cut: number): void;
}
