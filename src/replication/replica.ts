// replica: one replica as its master knows it.

import type { Client } from '../service/clients/client.js';
import type { SegmentReader } from './disk/segment-reader.js';
import type { StreamReader } from './write-stream.js';

/**
 * wait: for a snapshot to begin. transfer: gets the data. stream: gets the stream already, while the data goes over a connection of
 * its own and is loaded. online: follows the stream.
 */
export type ReplicaState = 'wait' | 'transfer' | 'stream' | 'online';

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
  /** It takes the data over a connection of its own. */
  knowsChannel = false;
  /** This connection is for the data alone: that one has, or will have, the stream. */
  main: Replica | undefined;
  /** The data comes over that connection; undefined as long as there is none. */
  channel: Replica | undefined;
  /** It has been told to open a second connection for the data. */
  awaitsChannel = false;
  /** Everything that it wanted of the data has been sent. */
  hasAllData = false;
  /** The part of the data set that it wants. */
  content: ReplicaContent = 'all';
  /** Offset that it has applied, and synced to its AOF. */
  ackOffset = 0;
  ackAofOffset = 0;
  /** Steady time at which it was last heard of. */
  heardMs: number;
  /** Bytes that its connection had brought when we last looked: empty lines are signs of life too. */
  seenBytesIn = 0;
  /** Steady time at which the snapshot for it began; 0: there was none. */
  syncBeganMs = 0;
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
  /** The file of the data is being written: the replica gets nothing but signs of life. */
  awaitsFile = false;
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
    if (this.state === 'stream') return 'send_bulk_and_stream';
    return this.getsFile ? 'send_bulk' : 'wait_bgsave';
  }

  /** The second connection of a replica is not a replica more. */
  get isCounted(): boolean {
    return this.main === undefined;
  }

  /** The stream goes to it. */
  get isStreamed(): boolean {
    return this.state === 'stream' || (this.state === 'online' && !this.waitsForAck && !this.rdbOnly && this.isCounted);
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
