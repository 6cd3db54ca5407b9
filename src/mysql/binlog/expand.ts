// expand: bytes that a server compressed, with a bound on what they may grow to.
//
//   MariaDB's compressed events   1 byte: 0x80 | method (0 zlib) << 4 | bytes of the length, length (big-endian), zlib stream
//   MySQL's transaction payload   fields: type (length-encoded)  size (length-encoded)  value
//                                 0 end of the fields, 1 size of the payload, 2 method (0 zstd, 255 none), 3 size when expanded
//
// Zstandard is expanded in JavaScript (fzstd), because Node has it only since 22.15.
//
// Source: binlog_buf_uncompress as MariaDB's documents describe it, Transaction_payload_event in MySQL's source documentation.
import { inflateSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { BinlogFormatError, ByteCursor } from './byte-cursor.js';

/** MySQL refuses larger transactions in a payload. */
const EXPANDED_BYTES_MAX = 1 << 30;

const Field = { end: 0, payloadSize: 1, method: 2, expandedSize: 3 } as const;
const METHOD_ZSTD = 0;
const METHOD_NONE = 255;

/** Expands the part of a MariaDB event that follows the position of the cursor. */
export function expandEvent(cursor: ByteCursor): Uint8Array {
  const head = cursor.u8();
  if ((head & 0xf0) !== 0x80) throw new BinlogFormatError(`an event compressed by method ${(head >> 4) & 7}`);
  const lengthBytes = head & 7;
  if (lengthBytes < 1 || lengthBytes > 4) throw new BinlogFormatError('a compressed event without a length');
  const length = cursor.uintBig(lengthBytes);
  if (length > EXPANDED_BYTES_MAX) throw new BinlogFormatError(`an event of ${length} bytes`);
  let expanded: Uint8Array;
  try {
    expanded = inflateSync(cursor.rest(), { maxOutputLength: Math.max(length, 1) });
  } catch (error) {
    throw new BinlogFormatError(`a compressed event that is broken: ${(error as Error).message}`);
  }
  if (expanded.length !== length) throw new BinlogFormatError('a compressed event of another length than it declares');
  return expanded;
}

/** Expands a transaction payload; the result is events one after the other, without checksums. */
export function expandPayload(body: ByteCursor): Uint8Array {
  let payloadSize: number | undefined;
  let method = METHOD_NONE;
  let expandedSize = 0;
  for (;;) {
    const type = body.lengthEncoded();
    if (type === Field.end) break;
    const size = body.lengthEncoded();
    const start = body.take(size);
    const value = new ByteCursor(body.bytes, start, start + size);
    if (type === Field.payloadSize) payloadSize = value.lengthEncoded();
    else if (type === Field.method) method = value.lengthEncoded();
    else if (type === Field.expandedSize) expandedSize = value.lengthEncoded();
  }
  const payload = body.slice(payloadSize ?? body.left);
  if (method === METHOD_NONE) return payload;
  if (method !== METHOD_ZSTD) throw new BinlogFormatError(`a transaction compressed by method ${method}`);
  if (expandedSize > EXPANDED_BYTES_MAX) throw new BinlogFormatError(`a transaction of ${expandedSize} bytes`);
  return expandZstd(payload, expandedSize);
}

function expandZstd(payload: Uint8Array, size: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new Decompress((part) => {
    total += part.length;
    if (total > size) throw new BinlogFormatError('a compressed transaction that is longer than it declares');
    parts.push(part);
  });
  try {
    stream.push(payload, true);
  } catch (error) {
    if (error instanceof BinlogFormatError) throw error;
    throw new BinlogFormatError(`a compressed transaction that is broken: ${(error as Error).message}`);
  }
  if (total !== size) throw new BinlogFormatError('a compressed transaction that is shorter than it declares');
  return Buffer.concat(parts);
}
