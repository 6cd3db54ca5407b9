// Messages of the bus survive the way through their bytes, and no bytes at all get a reader into trouble.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { BusFormatError, decodeMessage } from './decode.js';
import { encodeMessage } from './encode.js';
import { FrameReader } from './frame-reader.js';
import {
  type BusMessage,
  type Extensions,
  type GossipEntry,
  type MessageBody,
  MessageFlag,
  MessageType,
} from './message.js';
import { HEADER_BYTES, HeaderAt } from './message-layout.js';
import { NodeFlag } from './node.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 1e9);
const random = new Prng(seed);

function id(): string {
  return Array.from({ length: 40 }, () => random.below(16).toString(16)).join('');
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function big(): number {
  return random.below(0x200000) * 0x100000000 + random.uint32();
}

/** Flags of a node, which is not master and replica at once. */
function nodeFlags(): number {
  return random.below(65536) & ~random.pick([NodeFlag.master, NodeFlag.replica]);
}

function gossip(): GossipEntry {
  return {
    id: id(),
    pingSentSeconds: random.uint32(),
    pongReceivedSeconds: random.uint32(),
    ip: random.pick(['127.0.0.1', '2001:db8::1', '']),
    port: random.below(65536),
    otherPort: random.below(65536),
    busPort: random.below(65536),
    nodeFlags: nodeFlags(),
  };
}

function extensions(): Extensions {
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {};
  if (random.chance(50)) found.hostname = random.pick(['a', 'node-1.example', 'abcdefg', 'abcdefgh']);
  if (random.chance(50)) found.humanName = 'green_one';
  if (random.chance(50)) found.shardId = id();
  if (random.chance(50))
    found.forgotten = Array.from({ length: 1 + random.below(3) }, () => ({ id: id(), seconds: 60 }));
  return found;
}

function body(type: number): MessageBody {
  switch (type) {
    case MessageType.ping:
    case MessageType.pong:
    case MessageType.meet:
      return { kind: 'gossip', gossip: Array.from({ length: random.below(5) }, gossip), extensions: extensions() };
    case MessageType.fail:
      return { kind: 'fail', id: id() };
    case MessageType.publish:
    case MessageType.publishShard:
      return { kind: 'publish', channel: bytes(random.below(30)), payload: bytes(random.below(3000)) };
    case MessageType.update:
      return { kind: 'update', id: id(), configEpoch: big(), slots: bytes(2048) };
    case MessageType.module:
      return { kind: 'module', payload: bytes(random.below(100)) };
    default:
      return { kind: 'none' };
  }
}

function message(type = random.below(11)): BusMessage {
  return {
    header: {
      type,
      sender: id(),
      port: random.below(65536),
      otherPort: random.below(65536),
      busPort: random.below(65536),
      ip: random.pick(['', '10.0.0.1', 'fe80::1%eth0']),
      nodeFlags: nodeFlags(),
      isOk: random.chance(50),
      messageFlags: MessageFlag.extensions | random.below(4),
      currentEpoch: big(),
      configEpoch: big(),
      offset: big(),
      slots: bytes(2048),
      masterId: random.chance(50) ? '' : id(),
    },
    body: body(type),
  };
}

describe(`messages of the bus (seed ${seed})`, () => {
  it('are the same after encoding and decoding, for every type', () => {
    for (let type = 0; type <= 10; type++)
      for (let round = 0; round < 50; round++) {
        const sent = message(type);
        assert.deepEqual(decodeMessage(encodeMessage(sent)), sent);
      }
  });

  it('have their fields where redis-server has them', () => {
    const { header } = message(MessageType.ping);
    const told: BusMessage = {
      header: { ...header, type: 5, port: 7000, sender: 'a'.repeat(40), masterId: 'b'.repeat(40), currentEpoch: 258 },
      body: { kind: 'none' },
    };
    const encoded = Buffer.from(encodeMessage(told));
    assert.equal(encoded.length, 2256);
    assert.equal(encoded.toString('latin1', 0, 4), 'RCmb');
    assert.equal(encoded.readUInt32BE(4), 2256);
    assert.equal(encoded.readUInt16BE(8), 1);
    assert.equal(encoded.readUInt16BE(10), 7000);
    assert.equal(encoded.readUInt16BE(12), 5);
    assert.equal(encoded.readBigUInt64BE(16), 258n);
    assert.equal(encoded.toString('latin1', 40, 80), 'a'.repeat(40));
    assert.equal(encoded.toString('latin1', 2128, 2168), 'b'.repeat(40));
    assert.equal(encoded.readUInt16BE(2248), header.busPort);
    assert.equal(encoded.readUInt16BE(2250), header.nodeFlags);
  });

  it('come out whole whatever the pieces they arrive in', () => {
    for (let round = 0; round < 30; round++) {
      const sent = Array.from({ length: 1 + random.below(6) }, () => message());
      const stream = Buffer.concat(sent.map(encodeMessage));
      const reader = new FrameReader();
      const received: (BusMessage | undefined)[] = [];
      for (let at = 0; at < stream.length;) {
        const length = 1 + random.below(5000);
        reader.push(
          stream.subarray(at, at + length),
          () => 1e6,
          (frame) => received.push(decodeMessage(frame)) > 0,
        );
        at += length;
      }
      assert.deepEqual(received, sent);
    }
  });

  it('that were damaged are refused or read, and nothing else', () => {
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const damaged = encodeMessage(message()).slice();
      for (let count = 1 + random.below(4); count > 0; count--) {
        // Most damage goes where counts, lengths and ids are.
        const at = random.chance(70) ? HEADER_BYTES + random.below(400) : random.below(HEADER_BYTES);
        if (at < damaged.length) damaged[at] = random.below(256);
      }
      const cut = random.chance(30) ? damaged.slice(0, random.below(damaged.length + 1)) : damaged;
      if (random.chance(50) && cut.length > 8) new DataView(cut.buffer).setUint32(HeaderAt.length, cut.length);
      try {
        decodeMessage(cut);
      } catch (error) {
        assert.ok(error instanceof BusFormatError, String(error));
        refused++;
      }
    }
    assert.ok(refused > 1000);
  });

  it('that are noise are refused at once', () => {
    for (let round = 0; round < 2000; round++) {
      const noise = bytes(8 + random.below(100));
      assert.throws(
        () =>
          new FrameReader().push(
            noise,
            () => 1e6,
            () => true,
          ),
        BusFormatError,
      );
    }
  });
});

describe('a message that lies', () => {
  const ping = (): Uint8Array => {
    const { header } = message(MessageType.ping);
    return encodeMessage({
      header,
      body: { kind: 'gossip', gossip: [gossip(), gossip()], extensions: { shardId: id() } },
    });
  };
  const refusal = (change: (view: DataView, bytes: Uint8Array) => void): RegExp | string => {
    const changed = ping();
    change(new DataView(changed.buffer), changed);
    try {
      decodeMessage(changed);
      return 'it was taken';
    } catch (error) {
      assert.ok(error instanceof BusFormatError);
      return error.message;
    }
  };

  it('about its length, its counts, its version or an id is refused with the reason', () => {
    assert.match(String(refusal((view) => view.setUint32(HeaderAt.length, 99_999))), /its length is not/);
    assert.match(String(refusal((view) => view.setUint16(HeaderAt.count, 1))), /bytes and contents for|does not fit/);
    assert.match(String(refusal((view) => view.setUint16(HeaderAt.count, 60_000))), /too short for its 60000/);
    assert.match(String(refusal((view) => view.setUint16(HeaderAt.extensionCount, 2))), /extensions pass its end/);
    assert.match(String(refusal((view) => view.setUint32(HEADER_BYTES + 208, 0xfffffff8))), /does not fit/);
    assert.match(String(refusal((view) => view.setUint16(HeaderAt.version, 2))), /version 2/);
    assert.match(String(refusal((_, all) => all.set(latin1Bytes('XYZ'), HeaderAt.sender))), /other characters/);
    assert.match(String(refusal((_, all) => all.set(latin1Bytes('1 2\n'), HeaderAt.ip))), /characters that none has/);
    assert.match(String(refusal((view) => view.setUint32(HeaderAt.currentEpoch, 0xffffffff))), /beyond all/);
  });

  it('about how long it is does not make the reader keep that much', () => {
    const reader = new FrameReader();
    const head = new Uint8Array(8);
    new DataView(head.buffer).setUint32(0, 0x52436d62);
    new DataView(head.buffer).setUint32(4, 1e9);
    assert.throws(
      () =>
        reader.push(
          head,
          () => 1e6,
          () => true,
        ),
      /more than the 1000000/,
    );
    const other = new FrameReader();
    other.push(
      head,
      () => 2e9,
      () => true,
    );
    assert.ok(other.roomBytes < 10_000);
  });
});
