// decode: reads messages of the bus. Every length, count and id is checked here, so that nothing after this has to doubt them.
//
// A message that lies throws a BusFormatError: its connection is closed, and nothing else happens. Texts are checked too: an
// address, host name or node name gets into nodes.conf and into replies, where a space or a line end would forge entries.

import { latin1 } from '../base/bytes.js';
import {
  type BusMessage,
  type Extensions,
  type ForgottenNode,
  type GossipEntry,
  type MessageBody,
  type MessageHeader,
  MessageFlag,
  MessageType,
} from './message.js';
import {
  EXTENSION_HEADER_BYTES,
  ExtensionType,
  GOSSIP_BYTES,
  GossipAt,
  HEADER_BYTES,
  HeaderAt,
  ID_BYTES,
  IP_BYTES,
  MODULE_BYTES,
  ModuleAt,
  PROTOCOL_VERSION,
  PUBLISH_BYTES,
  SIGNATURE,
  UPDATE_BYTES,
  UpdateAt,
} from './message-layout.js';
import { NodeFlag, SLOT_BITMAP_BYTES } from './node.js';

/** Of a host name in DNS. */
const NAME_LENGTH_MAX = 256;

/** The bytes are no message, or one that contradicts itself. */
export class BusFormatError extends Error {}

/** Reads one whole message; its byte arrays are copies. Undefined: of a type that this version does not know. */
export function decodeMessage(bytes: Uint8Array): BusMessage | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES || view.getUint32(HeaderAt.signature) !== SIGNATURE)
    throw new BusFormatError('it is no message of the cluster bus');
  if (view.getUint32(HeaderAt.length) !== bytes.length) throw new BusFormatError('its length is not what it says');
  const version = view.getUint16(HeaderAt.version);
  if (version !== PROTOCOL_VERSION) throw new BusFormatError(`it has version ${version} of the protocol`);
  const type = view.getUint16(HeaderAt.type);
  if (type > MessageType.publishShard) return undefined;
  const header = decodeHeader(bytes, view, type);
  return { header, body: decodeBody(bytes, view, header) };
}

function decodeHeader(bytes: Uint8Array, view: DataView, type: number): MessageHeader {
  return {
    type,
    sender: id(bytes, HeaderAt.sender),
    port: view.getUint16(HeaderAt.port),
    otherPort: view.getUint16(HeaderAt.otherPort),
    busPort: view.getUint16(HeaderAt.busPort),
    ip: address(bytes, HeaderAt.ip),
    nodeFlags: nodeFlags(view, HeaderAt.nodeFlags),
    isOk: view.getUint8(HeaderAt.state) === 0,
    messageFlags: view.getUint8(HeaderAt.messageFlags),
    currentEpoch: long(view, HeaderAt.currentEpoch, 'epoch'),
    configEpoch: long(view, HeaderAt.configEpoch, 'epoch'),
    offset: long(view, HeaderAt.offset, 'replication offset'),
    slots: bytes.slice(HeaderAt.slots, HeaderAt.slots + SLOT_BITMAP_BYTES),
    masterId: isZero(bytes, HeaderAt.masterId, ID_BYTES) ? '' : id(bytes, HeaderAt.masterId),
  };
}

function decodeBody(bytes: Uint8Array, view: DataView, header: MessageHeader): MessageBody {
  const bodyBytes = bytes.length - HEADER_BYTES;
  switch (header.type) {
    case MessageType.ping:
    case MessageType.pong:
    case MessageType.meet:
      return decodeGossip(bytes, view, header);
    case MessageType.fail:
      expectBytes(bodyBytes, ID_BYTES);
      return { kind: 'fail', id: id(bytes, HEADER_BYTES) };
    case MessageType.publish:
    case MessageType.publishShard: {
      atLeast(bodyBytes, PUBLISH_BYTES);
      const channelBytes = view.getUint32(HEADER_BYTES);
      const payloadBytes = view.getUint32(HEADER_BYTES + 4);
      expectBytes(bodyBytes, PUBLISH_BYTES + channelBytes + payloadBytes);
      const from = HEADER_BYTES + PUBLISH_BYTES;
      return {
        kind: 'publish',
        channel: bytes.slice(from, from + channelBytes),
        payload: bytes.slice(from + channelBytes),
      };
    }
    case MessageType.update: {
      expectBytes(bodyBytes, UPDATE_BYTES);
      const slotsAt = HEADER_BYTES + UpdateAt.slots;
      return {
        kind: 'update',
        id: id(bytes, HEADER_BYTES + UpdateAt.id),
        configEpoch: long(view, HEADER_BYTES + UpdateAt.configEpoch, 'epoch'),
        slots: bytes.slice(slotsAt, slotsAt + SLOT_BITMAP_BYTES),
      };
    }
    case MessageType.module:
      atLeast(bodyBytes, MODULE_BYTES);
      expectBytes(bodyBytes, MODULE_BYTES + view.getUint32(HEADER_BYTES + ModuleAt.length));
      return { kind: 'module', payload: bytes.slice(HEADER_BYTES + MODULE_BYTES) };
    default:
      expectBytes(bodyBytes, 0);
      return { kind: 'none' };
  }
}

function decodeGossip(bytes: Uint8Array, view: DataView, header: MessageHeader): MessageBody {
  const count = view.getUint16(HeaderAt.count);
  let at = HEADER_BYTES + count * GOSSIP_BYTES;
  if (at > bytes.length) throw new BusFormatError(`it is too short for its ${count} gossip entries`);
  const gossip: GossipEntry[] = [];
  for (let index = 0; index < count; index++)
    gossip.push(gossipEntry(bytes, view, HEADER_BYTES + index * GOSSIP_BYTES));
  const extensions: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {};
  const forgotten: ForgottenNode[] = [];
  if ((header.messageFlags & MessageFlag.extensions) !== 0) {
    const extensionCount = view.getUint16(HeaderAt.extensionCount);
    for (let index = 0; index < extensionCount; index++) {
      if (at + EXTENSION_HEADER_BYTES > bytes.length) throw new BusFormatError('its extensions pass its end');
      const length = view.getUint32(at);
      if (length < EXTENSION_HEADER_BYTES || length % 8 !== 0 || at + length > bytes.length)
        throw new BusFormatError(`an extension of ${length} bytes does not fit`);
      readExtension(bytes, view, at, length, extensions, forgotten);
      at += length;
    }
  }
  if (at !== bytes.length) throw new BusFormatError(`it has ${bytes.length} bytes and contents for ${at}`);
  if (forgotten.length > 0) extensions.forgotten = forgotten;
  return { kind: 'gossip', gossip, extensions };
}

function gossipEntry(bytes: Uint8Array, view: DataView, at: number): GossipEntry {
  return {
    id: id(bytes, at + GossipAt.id),
    pingSentSeconds: view.getUint32(at + GossipAt.pingSent),
    pongReceivedSeconds: view.getUint32(at + GossipAt.pongReceived),
    ip: address(bytes, at + GossipAt.ip),
    port: view.getUint16(at + GossipAt.port),
    otherPort: view.getUint16(at + GossipAt.otherPort),
    busPort: view.getUint16(at + GossipAt.busPort),
    nodeFlags: nodeFlags(view, at + GossipAt.nodeFlags),
  };
}

function readExtension(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  into: { -readonly [Key in keyof Extensions]: Extensions[Key] },
  forgotten: ForgottenNode[],
): void {
  const dataAt = at + EXTENSION_HEADER_BYTES;
  const dataBytes = length - EXTENSION_HEADER_BYTES;
  switch (view.getUint16(at + 4)) {
    case ExtensionType.hostname:
      into.hostname = name(bytes, dataAt, dataBytes);
      return;
    case ExtensionType.humanName:
      into.humanName = name(bytes, dataAt, dataBytes);
      return;
    case ExtensionType.forgottenNode:
      expectBytes(dataBytes, ID_BYTES + 8);
      forgotten.push({ id: id(bytes, dataAt), seconds: long(view, dataAt + ID_BYTES, 'time') });
      return;
    case ExtensionType.shardId:
      expectBytes(dataBytes, ID_BYTES);
      into.shardId = id(bytes, dataAt);
      return;
  }
}

function expectBytes(actual: number, expected: number): void {
  if (actual !== expected) throw new BusFormatError(`a part has ${actual} bytes instead of ${expected}`);
}

function atLeast(actual: number, expected: number): void {
  if (actual < expected) throw new BusFormatError(`a part has ${actual} bytes, which need ${expected}`);
}

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let index = at; index < at + length; index++) if (bytes[index] !== 0) return false;
  return true;
}

function id(bytes: Uint8Array, at: number): string {
  for (let index = at; index < at + ID_BYTES; index++) {
    const byte = bytes[index]!;
    const isHexDigit = (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102);
    if (!isHexDigit) throw new BusFormatError('an id in it has other characters than 0-9 and a-f');
  }
  return latin1(bytes.subarray(at, at + ID_BYTES));
}

/** NodeFlag bits, with one role at most. */
function nodeFlags(view: DataView, at: number): number {
  const flags = view.getUint16(at);
  const roles = NodeFlag.master | NodeFlag.replica;
  if ((flags & roles) === roles) throw new BusFormatError('a node in it is both a master and a replica');
  return flags;
}

/** A text up to its zero byte, or as long as its room. */
function text(bytes: Uint8Array, at: number, length: number): string {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  return latin1(bytes.subarray(at, end));
}

function address(bytes: Uint8Array, at: number): string {
  const found = text(bytes, at, IP_BYTES);
  if (!/^[0-9A-Za-z.:%_-]*$/.test(found)) throw new BusFormatError('an address in it has characters that none has');
  return found;
}

/** A host or node name; none where it could not stand in nodes.conf or in a reply. */
function name(bytes: Uint8Array, at: number, length: number): string {
  const found = text(bytes, at, length);
  return found.length <= NAME_LENGTH_MAX && /^[0-9A-Za-z._/-]*$/.test(found) ? found : '';
}

/** Eight bytes; no honest node gets past 2^53. */
function long(view: DataView, at: number, what: string): number {
  const high = view.getUint32(at);
  if (high > 0x1fffff) throw new BusFormatError(`an ${what} in it is beyond all that can be reached`);
  return high * 0x100000000 + view.getUint32(at + 4);
}
