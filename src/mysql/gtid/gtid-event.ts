// gtid-event: the parts of MySQL's GTID events: uuids, and the event for GTIDs with a tag (MySQL 8.3 and later).
//
// The tagged event is a message of MySQL's serialization library: version, size and last field that must be known, then fields,
// each its number and its value. All numbers have variable length: the count of ones at the low end of the first byte
// says how many bytes follow, and the value stands above them; signed values have their sign in the lowest bit. Strings
// have their length first. The fields come in order: 0 flags, 1 uuid (16 numbers), 2 number, 3 tag; the rest is about
// times and groups.
//
// Source: libs/mysql/serialization and Gtid_event in MySQL's source documentation.
import { BinlogFormatError, type ByteCursor } from '../binlog/byte-cursor.js';

export function formatUuid(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

function readVariable(cursor: ByteCursor): bigint {
  const first = cursor.u8();
  let more = 0;
  while (more < 8 && (first & (1 << more)) !== 0) more++;
  let value = BigInt(first);
  for (let index = 1; index <= more; index++) value |= BigInt(cursor.u8()) << BigInt(8 * index);
  return value >> BigInt(more === 8 ? 8 : more + 1);
}

export function readTaggedGtid(cursor: ByteCursor): string {
  readVariable(cursor); // the version of the serialization
  readVariable(cursor); // the size of the message
  readVariable(cursor); // the last field that must be known
  let uuid: string | undefined;
  let number: bigint | undefined;
  let tag = '';
  while (cursor.left > 0 && (uuid === undefined || number === undefined || tag === '')) {
    const field = Number(readVariable(cursor));
    if (field === 0) readVariable(cursor);
    else if (field === 1) {
      const bytes = new Uint8Array(16);
      for (let index = 0; index < 16; index++) bytes[index] = Number(readVariable(cursor));
      uuid = formatUuid(bytes);
    } else if (field === 2) number = readVariable(cursor) >> 1n;
    else if (field === 3) tag = cursor.latin1(Number(readVariable(cursor)));
    else break;
  }
  if (uuid === undefined || number === undefined) throw new BinlogFormatError('a GTID event without a GTID');
  return tag === '' ? `${uuid}:${number}` : `${uuid}:${tag}:${number}`;
}
