// message-layout: the offset of each field in a message of the bus. docs/bus-format.md explains them; numbers are
// big-endian.

export const SIGNATURE = 0x52436d62; // "RCmb"
export const PROTOCOL_VERSION = 1;

/** Offsets in the header. */
export const HeaderAt = {
  signature: 0,
  length: 4,
  version: 8,
  port: 10,
  type: 12,
  count: 14,
  currentEpoch: 16,
  configEpoch: 24,
  offset: 32,
  sender: 40,
  slots: 80,
  masterId: 2128,
  ip: 2168,
  extensionCount: 2214,
  otherPort: 2246,
  busPort: 2248,
  nodeFlags: 2250,
  state: 2252,
  messageFlags: 2253,
} as const;
export const HEADER_BYTES = 2256;

/** The last epoch: eight bytes travel, but a number is whole only up to here. */
export const EPOCH_MAX = Number.MAX_SAFE_INTEGER;

export const ID_BYTES = 40;
export const IP_BYTES = 46;

/** Offsets in an entry of the gossip section. */
export const GossipAt = {
  id: 0,
  pingSent: 40,
  pongReceived: 44,
  ip: 48,
  port: 94,
  busPort: 96,
  nodeFlags: 98,
  otherPort: 100,
} as const;
export const GOSSIP_BYTES = 104;

/** An extension: length with this header, type, 2 bytes unused; then data, filled up to a multiple of 8. */
export const EXTENSION_HEADER_BYTES = 8;
export const ExtensionType = { hostname: 0, humanName: 1, forgottenNode: 2, shardId: 3 } as const;

/** UPDATE after the header: epoch, id, bitmap. */
export const UpdateAt = { configEpoch: 0, id: 8, slots: 48 } as const;
export const UPDATE_BYTES = 48 + 2048;

/** PUBLISH after the header: two lengths, then the bytes. */
export const PUBLISH_BYTES = 8;
/** MODULE after the header: module id, length, type; then the bytes. */
export const ModuleAt = { length: 8 } as const;
export const MODULE_BYTES = 13;

/** The longest message that brings no payload: all entries and extensions that their counts can name. */
export const PLAIN_MESSAGE_BYTES_MAX = HEADER_BYTES + 0xffff * GOSSIP_BYTES + 0xffff * 64;
/** The longest message at all: a channel and a payload of the greatest length that a command can have. */
export const MESSAGE_BYTES_MAX = 0x40000000;
