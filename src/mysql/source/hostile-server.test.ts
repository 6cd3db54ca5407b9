// A server that is none: whatever bytes come, a connection or a dump ends with an error that says so, and nothing else of the process does.
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Prng } from '../../base/prng.js';
import { BinlogFormatError } from '../binlog/byte-cursor.js';
import { EventDecoder } from '../binlog/event-decoder.js';
import type { SourceConfig } from '../config/sync-config.js';
import { BinlogDump, BinlogPurged, PacketReader, readErrorPacket } from './binlog-dump.js';
import { SourceConnection, SourceLost, SourceRefused } from './source-connection.js';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.KVASIR_MYSQL_HOSTILE ?? 25);

const source = { user: 'u', password: 'p', tls: undefined } as SourceConfig;

function packet(sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, body]);
}

/** A server's greeting: version 10, its name, capabilities, and a seed for the native password. */
const hello = Buffer.concat([
  Buffer.from('\x0a5.5.5-10.11.0-MariaDB\0\x01\0\0\0abcdefgh\0', 'latin1'),
  Buffer.from([0xfe, 0xf7, 45, 2, 0, 0xff, 0x81, 21]),
  Buffer.alloc(10),
  Buffer.from('ijklmnopqrst\0mysql_native_password\0', 'latin1'),
]);
const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

type Behaviour = (socket: Socket, received: number) => void;

/** A server that answers the n-th bytes that come by `behave`; 0 is the connection itself. */
async function serve(t: TestContext, behave: Behaviour): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let received = 0;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => behave(socket, ++received));
    behave(socket, 0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

const connect = (port: number): Promise<SourceConnection> =>
  SourceConnection.open(source, { host: '127.0.0.1', port, socket: undefined });

const isTold = (error: unknown): boolean =>
  error instanceof SourceLost ||
  error instanceof SourceRefused ||
  error instanceof BinlogFormatError ||
  error instanceof BinlogPurged;

/** Some bytes of a text changed, cut out or doubled. */
function spoil(bytes: Buffer, random: Prng): Buffer {
  const spoiled = Buffer.from(bytes);
  for (let count = 1 + random.below(4); count > 0; count--) spoiled[random.below(spoiled.length)] = random.below(256);
  const kind = random.below(4);
  if (kind === 0) return spoiled.subarray(0, random.below(spoiled.length));
  if (kind === 1) return Buffer.concat([spoiled, spoiled]);
  return spoiled;
}

describe(`a hostile source (seed ${seed})`, () => {
  it('ends connections whose first packets make no sense', { timeout: 600_000 }, async (t) => {
    const random = new Prng(seed);
    for (let round = 0; round < rounds; round++) {
      const spoilt = random.below(3);
      const port = await serve(t, (socket, received) => {
        if (received === 0) socket.write(spoilt === 0 ? spoil(packet(0, hello), random) : packet(0, hello));
        else if (received === 1) socket.write(spoilt === 1 ? spoil(packet(2, ok), random) : packet(2, ok));
        else socket.write(spoil(packet(1, Buffer.concat([Buffer.from([random.below(9)]), ok])), random));
        if (received > 0) setTimeout(() => socket.end(), 5);
        else setTimeout(() => socket.end(), 50);
      });
      try {
        const connection = await connect(port);
        try {
          await connection.texts('SELECT 1');
        } finally {
          connection.close();
        }
      } catch (error) {
        assert.ok(isTold(error), `seed ${seed}, round ${round}: ${(error as Error).stack}`);
      }
    }
  });

  it('ends result sets that lie about their columns and rows', { timeout: 600_000 }, async (t) => {
    const column = Buffer.from('\x03def\0\0\0\x01a\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0', 'latin1');
    const eof = Buffer.from([0xfe, 0, 0, 2, 0]);
    const results = [
      [Buffer.from([200]), column, eof], // fewer columns than announced
      [Buffer.from([1]), column, eof, Buffer.from([3, 65])], // a value that is longer than its packet
      [Buffer.from([1]), column, eof, Buffer.from([0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1])],
      [Buffer.from([1]), Buffer.from([250, 1]), eof],
      [Buffer.from([0xfb]), Buffer.from('/etc/passwd')], // LOAD DATA LOCAL of a file of ours
      [Buffer.from([0xfd, 255, 255, 255]), column],
      [Buffer.from([0])],
      [Buffer.from([])],
    ];
    for (const packets of results) {
      let stolen = '';
      const port = await serve(t, (socket, received) => {
        if (received === 0) socket.write(packet(0, hello));
        else if (received === 1) socket.write(packet(2, ok));
        else {
          if (received === 2) for (const [index, body] of packets.entries()) socket.write(packet(index + 1, body));
          socket.on('data', (bytes) => (stolen += bytes.toString('latin1')));
          setTimeout(() => socket.end(), 20);
        }
      });
      const connection = await connect(port);
      try {
        await connection.texts('SELECT a');
      } catch (error) {
        assert.ok(isTold(error), (error as Error).stack);
      }
      connection.close();
      assert.doesNotMatch(stolen, /root:/, 'a server must not get files');
    }
  });

  it('ends dumps: refusals, silence, torn packets, and ends in the middle', { timeout: 600_000 }, async (t) => {
    const purged = Buffer.from(
      '\xff\xd4\x04#HY000Could not find first log file name in binary log index file',
      'latin1',
    );
    const answers: readonly (readonly [Buffer, RegExp])[] = [
      [packet(1, purged), /Could not find first log/],
      [packet(1, Buffer.from([0xff])), /^$/],
      [packet(1, Buffer.from([7, 7, 7])), /a packet that begins with 7/],
      [packet(1, Buffer.alloc(0)), /begins with nothing/],
      [packet(1, Buffer.from([0xfe, 0, 0, 0, 0])), /ended the binlog/],
      [Buffer.from([255, 255, 255, 1, 0]), /closed the connection/],
      [Buffer.from([9, 0]), /closed the connection/],
    ];
    for (const [answer, told] of answers) {
      const port = await serve(t, (socket, received) => {
        if (received === 0) socket.write(packet(0, hello));
        else if (received === 1) socket.write(packet(2, ok));
        else if (received < 4) socket.write(packet(1, ok));
        else {
          for (const byte of answer) socket.write(Buffer.from([byte]));
          setTimeout(() => socket.end(), 20);
        }
      });
      const start = { file: 'b.000001', offset: 4, gtids: undefined };
      const request = { serverId: 7, start, heartbeatSeconds: 1, hasChecksums: false, byGtid: false };
      const dump = await BinlogDump.open(await connect(port), { ...request, flavor: 'mariadb' });
      await assert.rejects(
        async () => {
          for (;;) await dump.next();
        },
        (error: Error) => isTold(error) && told.test(error.message),
        String(told),
      );
      dump.close();
    }
  });

  it('joins packets however they are torn, and refuses those that never end', () => {
    const random = new Prng(seed + 1);
    const bodies = Array.from({ length: 50 }, (_, index) => Buffer.alloc(random.below(300), index));
    const bytes = Buffer.concat(bodies.map((body, index) => packet(index & 0xff, body)));
    const reader = new PacketReader();
    const joined: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.below(40);
      reader.feed(Buffer.from(bytes.subarray(at, end)));
      at = end;
      for (let body = reader.next(); body !== undefined; body = reader.next()) joined.push(Buffer.from(body));
    }
    assert.deepEqual(joined, bodies, `seed ${seed}`);
    assert.ok(readErrorPacket(Buffer.from([0xff])) instanceof SourceRefused);
  });

  it('decodes no event with a wrong checksum, size or count', () => {
    const random = new Prng(seed + 2);
    const event = (type: number, body: Buffer): Buffer => {
      const head = Buffer.alloc(19);
      head.writeUInt32LE(1, 0);
      head[4] = type;
      head.writeUInt32LE(19 + body.length, 9);
      return Buffer.concat([head, body]);
    };
    const wrongSum = event(16, Buffer.alloc(12, 1));
    assert.throws(() => new EventDecoder(true).decode(wrongSum, () => undefined), /checksum of an event of type 16/);
    for (let round = 0; round < rounds * 100; round++) {
      const body = Buffer.from(Array.from({ length: random.below(80) }, () => random.below(256)));
      const bytes = event(random.below(256), body);
      if (random.below(8) === 0) bytes.writeUInt32LE(random.below(1 << 30), 9);
      try {
        new EventDecoder(false).decode(bytes, () => undefined);
      } catch (error) {
        const isKnown = error instanceof BinlogFormatError || (error as Error).constructor.name === 'GtidFormatError';
        assert.ok(isKnown, `seed ${seed}, round ${round}, ${bytes.toString('hex')}: ${(error as Error).stack}`);
      }
    }
  });
});
