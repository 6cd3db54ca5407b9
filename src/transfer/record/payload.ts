// payload: the reply of DUMP as a record: type, value, version (2 bytes), CRC-64 (8 bytes).

import { Crc64 } from '../../base/crc64.js';
import { knownType, RDB_VERSION_VALKEY, valueKindOf } from '../../persistence/rdb/format.js';
import { keyRecord, type KeyRecord } from './record.js';

const FOOTER_BYTES = 10;

const crc = new Crc64();

/** Undefined when the payload is damaged or of a version that is not known. */
export function recordOfPayload(
  payload: Uint8Array,
  key: Uint8Array,
  database: number,
  expireAtMs: number,
): KeyRecord | undefined {
  if (payload.length < FOOTER_BYTES + 2) return undefined;
  const footer = payload.length - FOOTER_BYTES;
  crc.reset();
  crc.update(payload, 0, payload.length - 8);
  if (!crc.matches(payload, footer + 2)) return undefined;
  const version = payload[footer]! | (payload[footer + 1]! << 8);
  const isValkey = version >= RDB_VERSION_VALKEY;
  const rdbType = knownType(payload[0]!, isValkey);
  if (rdbType < 0) return undefined;
  const raw = payload.subarray(1, footer);
  return keyRecord({ database, key, kind: valueKindOf(rdbType), expireAtMs, rdbType, isValkey, raw });
}
