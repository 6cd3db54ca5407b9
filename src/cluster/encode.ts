// encode: writes messages of the bus as bytes.

import { latin1Bytes } from '../base/bytes.js';
import type { BusMessage, Extensions, GossipEntry, MessageHeader } from './message.js';
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

export function encodeMessage({ header, body }: BusMessage): Uint8Array {
  switch (body.kind) {
    case 'gossip': {
      const extensions = encodeExtensions(body.extensions);
      const extensionBytes = extensions.reduce((sum, { length }) => sum + length, 0);
      const message = begin(header, HEADER_BYTES + GOSSIP_BYTES * body.gossip.length + extensionBytes);
      message.view.setUint16(HeaderAt.count, body.gossip.length);
      message.view.setUint16(HeaderAt.extensionCount, extensions.length);
      let at = HEADER_BYTES;
      for (const entry of body.gossip) {
        putGossip(message, at, entry);
        at += GOSSIP_BYTES;
      }
      for (const extension of extensions) {
        message.bytes.set(extension, at);
        at += extension.length;
      }
      return message.bytes;
    }
    case 'fail': {
      const message = begin(header, HEADER_BYTES + ID_BYTES);
      putText(message.bytes, HEADER_BYTES, body.id, ID_BYTES);
      return message.bytes;
    }
    case 'publish': {
      const { channel, payload } = body;
      const message = begin(header, HEADER_BYTES + PUBLISH_BYTES + channel.length + payload.length);
      message.view.setUint32(HEADER_BYTES, channel.length);
      message.view.setUint32(HEADER_BYTES + 4, payload.length);
      message.bytes.set(channel, HEADER_BYTES + PUBLISH_BYTES);
      message.bytes.set(payload, HEADER_BYTES + PUBLISH_BYTES + channel.length);
      // Redis counts one message here.
      message.view.setUint16(HeaderAt.count, 1);
      return message.bytes;
    }
    case 'update': {
      const message = begin(header, HEADER_BYTES + UPDATE_BYTES);
      putLong(message.view, HEADER_BYTES + UpdateAt.configEpoch, body.configEpoch);
      putText(message.bytes, HEADER_BYTES + UpdateAt.id, body.id, ID_BYTES);
      message.bytes.set(body.slots, HEADER_BYTES + UpdateAt.slots);
      return message.bytes;
    }
    case 'module': {
      const message = begin(header, HEADER_BYTES + MODULE_BYTES + body.payload.length);
      message.view.setUint32(HEADER_BYTES + ModuleAt.length, body.payload.length);
      message.bytes.set(body.payload, HEADER_BYTES + MODULE_BYTES);
      return message.bytes;
    }
    case 'none':
      return begin(header, HEADER_BYTES).bytes;
  }
}

interface Draft {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function begin(header: MessageHeader, length: number): Draft {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(HeaderAt.signature, SIGNATURE);
  view.setUint32(HeaderAt.length, length);
  view.setUint16(HeaderAt.version, PROTOCOL_VERSION);
  view.setUint16(HeaderAt.port, header.port);
  view.setUint16(HeaderAt.type, header.type);
  putLong(view, HeaderAt.currentEpoch, header.currentEpoch);
  putLong(view, HeaderAt.configEpoch, header.configEpoch);
  putLong(view, HeaderAt.offset, header.offset);
  putText(bytes, HeaderAt.sender, header.sender, ID_BYTES);
  bytes.set(header.slots, HeaderAt.slots);
  putText(bytes, HeaderAt.masterId, header.masterId, ID_BYTES);
  putText(bytes, HeaderAt.ip, header.ip, IP_BYTES - 1);
  view.setUint16(HeaderAt.otherPort, header.otherPort);
  view.setUint16(HeaderAt.busPort, header.busPort);
  view.setUint16(HeaderAt.nodeFlags, header.nodeFlags);
  view.setUint8(HeaderAt.state, header.isOk ? 0 : 1);
  view.setUint8(HeaderAt.messageFlags, header.messageFlags);
  return { bytes, view };
}

function putGossip({ bytes, view }: Draft, at: number, entry: GossipEntry): void {
  putText(bytes, at + GossipAt.id, entry.id, ID_BYTES);
  view.setUint32(at + GossipAt.pingSent, entry.pingSentSeconds);
  view.setUint32(at + GossipAt.pongReceived, entry.pongReceivedSeconds);
  putText(bytes, at + GossipAt.ip, entry.ip, IP_BYTES - 1);
  view.setUint16(at + GossipAt.port, entry.port);
  view.setUint16(at + GossipAt.busPort, entry.busPort);
  view.setUint16(at + GossipAt.nodeFlags, entry.nodeFlags);
  view.setUint16(at + GossipAt.otherPort, entry.otherPort);
}

function encodeExtensions({ hostname = '', humanName = '', forgotten = [], shardId }: Extensions): Uint8Array[] {
  const encoded: Uint8Array[] = [];
  // The text ends with a zero byte.
  if (hostname !== '') encoded.push(extension(ExtensionType.hostname, hostname.length + 1, hostname));
  if (humanName !== '') encoded.push(extension(ExtensionType.humanName, humanName.length + 1, humanName));
  for (const { id, seconds } of forgotten) {
    const bytes = extension(ExtensionType.forgottenNode, ID_BYTES + 8, id);
    putLong(new DataView(bytes.buffer), EXTENSION_HEADER_BYTES + ID_BYTES, seconds);
    encoded.push(bytes);
  }
  if (shardId !== undefined) encoded.push(extension(ExtensionType.shardId, ID_BYTES, shardId));
  return encoded;
}

function extension(type: number, dataBytes: number, text: string): Uint8Array {
  const bytes = new Uint8Array(EXTENSION_HEADER_BYTES + Math.ceil(dataBytes / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length);
  view.setUint16(4, type);
  putText(bytes, EXTENSION_HEADER_BYTES, text, dataBytes);
  return bytes;
}

function putText(bytes: Uint8Array, at: number, text: string, bytesMax: number): void {
  bytes.set(latin1Bytes(text).subarray(0, bytesMax), at);
}

function putLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x100000000));
  view.setUint32(at + 4, value >>> 0);
}
