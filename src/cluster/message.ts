// message: the messages between nodes of a cluster, as data.
//
// Not here: the bytes (encode, decode; docs/bus-format.md has the tables), the effect of a message (receive).

/** Types on the wire. */
export const MessageType = {
  ping: 0,
  pong: 1,
  meet: 2,
  fail: 3,
  publish: 4,
  authRequest: 5,
  authAck: 6,
  update: 7,
  manualFailoverStart: 8,
  module: 9,
  publishShard: 10,
} as const;

export type MessageTypeNumber = (typeof MessageType)[keyof typeof MessageType];

/** Names by type, as CLUSTER INFO has them. */
export const messageTypeNames: readonly string[] = [
  'ping',
  'pong',
  'meet',
  'fail',
  'publish',
  'auth-req',
  'auth-ack',
  'update',
  'mfstart',
  'module',
  'publishshard',
];

/** Bits of the first byte of message flags. */
export const MessageFlag = {
  /** The sender is a master whose clients are paused for a manual failover. */
  paused: 1,
  /** A vote is asked for although the master is well. */
  forceAck: 2,
  /** Extensions follow, or at least the sender understands them. */
  extensions: 4,
} as const;

/** The first part of every message: the sender about itself. */
export interface MessageHeader {
  readonly type: number;
  readonly sender: string;
  /** Client port of the kind that the bus has: with TLS if the bus has TLS. */
  readonly port: number;
  /** Client port of the other kind; 0: none. */
  readonly otherPort: number;
  readonly busPort: number;
  /** Empty: what the connection comes from. */
  readonly ip: string;
  /** NodeFlag bits. */
  readonly nodeFlags: number;
  readonly isOk: boolean;
  readonly messageFlags: number;
  readonly currentEpoch: number;
  /** Of the sender, or of its master. */
  readonly configEpoch: number;
  readonly offset: number;
  /** Slots of the sender, or of its master. */
  readonly slots: Uint8Array;
  /** Empty for a master. */
  readonly masterId: string;
}

/** The sender's view of another node. */
export interface GossipEntry {
  readonly id: string;
  /** Wall time in seconds by the sender's clock; 0: none. */
  readonly pingSentSeconds: number;
  readonly pongReceivedSeconds: number;
  readonly ip: string;
  readonly port: number;
  readonly otherPort: number;
  readonly busPort: number;
  readonly nodeFlags: number;
}

export interface ForgottenNode {
  readonly id: string;
  readonly seconds: number;
}

/** Fields that newer versions add to PING, PONG and MEET. */
export interface Extensions {
  readonly hostname?: string;
  readonly humanName?: string;
  readonly shardId?: string;
  readonly forgotten?: readonly ForgottenNode[];
}

export type MessageBody =
  | {
      readonly kind: 'gossip';
      readonly gossip: readonly GossipEntry[];
      readonly extensions: Extensions;
    }
  | { readonly kind: 'fail'; readonly id: string }
  | { readonly kind: 'publish'; readonly channel: Uint8Array; readonly payload: Uint8Array }
  | { readonly kind: 'update'; readonly id: string; readonly configEpoch: number; readonly slots: Uint8Array }
  | { readonly kind: 'module'; readonly payload: Uint8Array }
  | { readonly kind: 'none' };

export interface BusMessage {
  readonly header: MessageHeader;
  readonly body: MessageBody;
}
