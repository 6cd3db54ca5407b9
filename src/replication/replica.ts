// replica: what a master knows of one of its replicas.

import type { Client } from '../service/clients/client.js';
import type { SegmentReader } from './disk/segment-reader.js';
import type { StreamReader } from './write-stream.js';

/** wait: for a snapshot to begin. transfer: gets the data. online: follows the stream. */
export type ReplicaState = 'wait' | 'transfer' | 'online';

/** The parts that a full sync sends: REPLCONF rdb-filter-only. */
export type ReplicaContent = 'all' | 'functions' | 'nothing';

export class Replica {
  state: ReplicaState = 'wait';
  /** The port that it says it listens on. */
  port = 0;
  /** The address that it wants to be known by; empty for that of the connection. */
  announcedAddress = '';
  /** It takes data that ends with a mark. */
  knowsEof = false;
  /** It takes a new replication id with +CONTINUE. */
  knowsPsync2 = false;
  /** It wants the data alone, not the stream. */
  rdbOnly = false;
  /** The part of the data set that it wants. */
  content: ReplicaContent = 'all';
  /** Offset that it has applied, and synced to its AOF. */
  ackOffset = 0;
  ackAofOffset = 0;
  /** Steady time at which it was last heard of. */
  heardMs: number;
  /** Steady time at which it began to follow the stream; 0: it does not yet. */
  onlineSinceMs = 0;
  /** We have ended its connection, and have said why. */
  isCut = false;
  /** Where it reads the stream; kept from the cut of its snapshot on. */
  reader: StreamReader | undefined;
  /** Reads the stream for it as long as what it needs is not in memory any more. */
  disk: SegmentReader | undefined;
  /** The stream is sent once it has acknowledged the data. */
  waitsForAck = false;
  /** The data is in a file and on its way. */
  getsFile = false;
  /** Bytes that its connection had sent before it became a replica. */
  sentBefore = 0;

  constructor(
    readonly client: Client,
    nowMs: number,
  ) {
    this.heardMs = nowMs;
  }

  /** The address that INFO and ROLE show. */
  get address(): string {
    if (this.announcedAddress !== '') return this.announcedAddress;
    const { remote } = this.client;
    const host = remote.slice(0, remote.lastIndexOf(':'));
    return host.startsWith('[') ? host.slice(1, -1) : host;
  }

  /** As INFO shows the state: a snapshot that goes to sockets is to Redis one that is being made. */
  get stateName(): string {
    if (this.state === 'online') return 'online';
    return this.getsFile ? 'send_bulk' : 'wait_bgsave';
  }

  /** Bytes that were sent to it since it became a replica. */
  get sentBytes(): number {
    return (this.client.connection?.bytesOut ?? 0) - this.sentBefore;
  }

  /** For log lines. */
  get name(): string {
    return `${this.address}:${this.port === 0 ? '<unknown-port>' : this.port}`;
  }

  get isClosed(): boolean {
    return this.client.connection === undefined || this.client.connection.isClosing;
  }
}
